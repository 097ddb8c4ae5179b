//! The table of commands: names, rights, arguments and help of each. It decides nothing.

use super::{Alias, Command, Param, Right, Verb};

const CHANGE: &[Param] = &[Param::Wait, Param::Timeout, Param::Names];
const CHANGE_SYNOPSIS: &str = "[--no-wait] [--timeout DURATION] NAME...";

/// All commands, in the order in which people look for them.
pub const COMMANDS: [Command; 19] = [
    Command {
        verb: Verb::Start,
        name: "start",
        aliases: &[],
        right: Right::Control,
        params: CHANGE,
        synopsis: CHANGE_SYNOPSIS,
        summary: "Start processes and wait until they run",
        help: "\
Answers when each process is RUNNING or has failed; a process that already runs
is no error. --no-wait answers at once, --timeout 30s after 30 seconds at the latest.
",
    },
    Command {
        verb: Verb::Stop,
        name: "stop",
        aliases: &[],
        right: Right::Control,
        params: CHANGE,
        synopsis: CHANGE_SYNOPSIS,
        summary: "Stop processes and wait until they are gone",
        help: "\
Sends stopsignal to the process group, SIGKILL when stoptime is over. A process
that does not run is no error. --no-wait answers at once, --timeout 30s after
30 seconds at the latest; the process goes on stopping.
",
    },
    Command {
        verb: Verb::Restart,
        name: "restart",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Wait, Param::Timeout, Param::Rolling, Param::MaxUnavailable, Param::Names],
        synopsis: "[--no-wait] [--timeout DURATION] [--rolling [--max-unavailable N]] NAME...",
        summary: "Stop processes and start them again",
        help: "\
A process that does not run is started. The configuration is read first: a program
all of whose processes are named uses its section as it is now, and the answer says
so. --no-wait answers at once, --timeout 30s after 30 seconds at the latest.
--rolling restarts one after the other, or --max-unavailable at a time: the next has
its turn when one is ready again. It ends at the first that does not come back.
",
    },
    Command {
        verb: Verb::Scale,
        name: "scale",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Wait, Param::Timeout, Param::Name, Param::Count],
        synopsis: "[--no-wait] [--timeout DURATION] PROGRAM N",
        summary: "Give a program another number of processes",
        help: "\
New processes are started, those that are too many are stopped; the others go on as
they are. The file is not changed: the number holds until the file gives another one
than before, or the daemon ends.
",
    },
    Command {
        verb: Verb::Status,
        name: "status",
        aliases: &[Alias { name: "top", words: &["--usage"], summary: "The same as status --usage" }],
        right: Right::Read,
        params: &[Param::Usage, Param::Names],
        synopsis: "[--usage] [NAME...]",
        summary: "Show the state of processes, of all if none is named",
        help: "\
One line for each: name, state, and what there is to say about it. A program has
the same from `status` in JSON. taskmasterctl exits with 3 if a process that is
shown is not as wanted. --usage adds CPU time, memory, processes, threads and open
files of each process and of those that it started.
",
    },
    Command {
        verb: Verb::Why,
        name: "why",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Names],
        synopsis: "NAME...",
        summary: "Show why processes are as they are, and what comes next",
        help: "\
For each: its state and what led to it, what happens next, its last 8 changes with
their causes, its command and its logs, and the last lines that it wrote.
",
    },
    Command {
        verb: Verb::Wait,
        name: "wait",
        aliases: &[],
        right: Right::Read,
        params: &[Param::For, Param::Timeout, Param::Names],
        synopsis: "[--for running|stopped|healthy] [--timeout DURATION] NAME...",
        summary: "Wait until processes run, or are stopped",
        help: "\
Answers when all of them have come to it, which is running if nothing else is said;
one that gives up, has ended or is stopped will not run and is told as failed. A job
(oneshot) that is done counts as running. --timeout 30s answers after 30 seconds at
the latest.
",
    },
    Command {
        verb: Verb::Graph,
        name: "graph",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Dot, Param::Names],
        synopsis: "[--dot] [NAME...]",
        summary: "Show in which order programs start and stop",
        help: "\
Programs by priority, as they start from top to bottom and stop from bottom to top.
--dot prints it for Graphviz: taskmasterctl graph --dot | dot -Tsvg > graph.svg
",
    },
    Command {
        verb: Verb::Signal,
        name: "signal",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Sig, Param::Names],
        synopsis: "SIGNAL NAME...",
        summary: "Send a signal to processes",
        help: "SIGNAL is a name with or without SIG (HUP, SIGUSR1, RTMIN+2) or a number.\n",
    },
    Command {
        verb: Verb::Events,
        name: "events",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Follow, Param::Since, Param::Names],
        synopsis: "[--no-follow] [--since N] [NAME...]",
        summary: "Show what happens to processes, as it happens",
        help: "\
One line for each event: number, time, process, the states before and after, and why.
The last 1000 are kept: --since N begins with event N if it still is, --since 0 with
the first that is. --no-follow shows what is kept and ends.
",
    },
    Command {
        verb: Verb::Logs,
        name: "logs",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Lines, Param::Follows, Param::Stdout, Param::Stderr, Param::From, Param::Names],
        synopsis: "[-f] [-n LINES] [--stdout|--stderr] [--from PLACE] [NAME...]",
        summary: "Show what processes have written, with -f what they write",
        help: "\
Shows the last 10 lines of each log, of stdout and stderr if neither is named. Lines
of several processes begin with NAME and |, those of stderr with NAME and !. With -f
it goes on, through rotation and restarts; programs find in JSON where each log is to
go on. taskmasterctl has --grep RE and --no-prefix, too, and goes on when the daemon
is back.
",
    },
    Command {
        verb: Verb::Tail,
        name: "tail",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Lines, Param::Follows, Param::Name, Param::Stream],
        synopsis: "[-f] [-n LINES] NAME [stdout|stderr]",
        summary: "Show the last lines of a process's log",
        help: "\
Shows 10 lines of stdout if nothing else is said. NAME must mean one process. With
-f it goes on as `logs -f` does.
",
    },
    Command {
        verb: Verb::Input,
        name: "input",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Eof, Param::Base64, Param::Name, Param::Text],
        synopsis: "[--eof] [--base64 BYTES] NAME [TEXT...]",
        summary: "Write a line to the standard input of a process",
        help: "\
The words are written with blanks between them and a line feed behind them. The
process must have stdin: pipe or tty: true; NAME must mean one. It answers when
all of it has been written. --base64 writes these bytes in place of a line.
--eof closes the pipe behind it; to a terminal it sends what stands for the end
there, Ctrl-D.
",
    },
    Command {
        verb: Verb::Resize,
        name: "resize",
        aliases: &[],
        right: Right::Control,
        params: &[Param::Name, Param::Rows, Param::Cols],
        synopsis: "NAME ROWS COLS",
        summary: "Set the size of a process's terminal",
        help: "\
The process must have tty: true; NAME must mean one. Each run begins with 24
and 80.
",
    },
    Command {
        verb: Verb::Pid,
        name: "pid",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Name],
        synopsis: "[NAME]",
        summary: "Show the process id of the daemon or of processes",
        help: "A process that does not run has the id 0.\n",
    },
    Command {
        verb: Verb::Reload,
        name: "reload",
        aliases: &[
            Alias { name: "update", words: &[], summary: "The same as reload" },
            Alias { name: "reread", words: &["--dry-run"], summary: "The same as reload --dry-run" },
        ],
        right: Right::Admin,
        params: &[Param::DryRun],
        synopsis: "[--dry-run]",
        summary: "Read the configuration again and apply what changed",
        help: "\
Shows what is added, removed, restarted and updated; what did not change runs on.
A configuration with errors changes nothing. --dry-run only shows; taskmasterctl
then exits with 0 if nothing would change, with 2 if something would.
",
    },
    Command {
        verb: Verb::Version,
        name: "version",
        aliases: &[],
        right: Right::Read,
        params: &[],
        synopsis: "",
        summary: "Show the versions of the daemon and of the protocol",
        help: "",
    },
    Command {
        verb: Verb::Shutdown,
        name: "shutdown",
        aliases: &[],
        right: Right::Admin,
        params: &[],
        synopsis: "",
        summary: "Stop all processes and the daemon",
        help: "The connection is closed when the daemon is gone.\n",
    },
    Command {
        verb: Verb::Help,
        name: "help",
        aliases: &[],
        right: Right::Read,
        params: &[Param::Command],
        synopsis: "[COMMAND]",
        summary: "Show the commands, or how one is used",
        help: "",
    },
];
