//! The client. All of it is in the library: see `taskmaster::ctl`.

fn main() -> std::process::ExitCode {
    taskmaster::ctl::main()
}
