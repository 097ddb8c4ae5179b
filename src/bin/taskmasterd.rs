//! The daemon. All of it is in the library: see `taskmaster::daemon`.

fn main() -> std::process::ExitCode {
    taskmaster::daemon::main()
}
