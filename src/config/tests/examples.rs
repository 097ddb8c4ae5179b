//! Files as they are written for other supervisors.

use super::*;

#[test]
fn a_go_style_file() {
    let config = good(GO);
    assert_eq!(config.daemon.childlogdir, "/var/log/taskmasterd/");
    assert_eq!(config.daemon.logfile, LogTarget::File("/var/log/taskmasterd/taskmasterd.log".to_owned()));
    let nginx = &config.programs[&named("nginx")];
    let mut want = Program::new(["/usr/sbin/nginx", "-g", "daemon off;"].map(str::to_owned).to_vec());
    want.policy.autorestart = Autorestart::Always;
    want.policy.starttime = Duration::from_secs(5);
    want.user = Some("www-data".to_owned());
    want.env.insert("PATH".to_owned(), template("/usr/local/bin:/usr/bin:/bin"));
    assert_eq!(**nginx, want);
    let worker = &config.programs[&named("worker")];
    let mut want = Program::new(["/app/worker", "--config=/etc/worker.conf"].map(str::to_owned).to_vec());
    want.numprocs = 4;
    want.policy.stopsignal = Sig::USR1;
    want.policy.stoptime = Duration::from_secs(2);
    want.user = Some("app".to_owned());
    want.workingdir = Some("/app".to_owned());
    want.umask = Some(0o44);
    want.env.insert("LOG_LEVEL".to_owned(), template("info"));
    assert_eq!(**worker, want);
}

#[test]
fn a_json_file() {
    let config = good(JSON);
    let mut want = Program::new(["bun", "run", "web.ts"].map(str::to_owned).to_vec());
    want.numprocs = 2;
    want.policy.autorestart = Autorestart::Always;
    want.policy.starttime = Duration::from_secs(5);
    want.policy.stoptime = Duration::from_secs(5);
    want.stdout.sink = Sink::File("/var/log/web-stdout.log".to_owned());
    want.stderr.sink = Sink::File("/var/log/web-stderr.log".to_owned());
    want.env.extend([("PORT", "3000"), ("NODE_ENV", "production")].map(|(k, v)| (k.to_owned(), template(v))));
    want.workingdir = Some("/app/services".to_owned());
    want.umask = Some(0o22);
    assert_eq!(*config.programs[&named("web")], want);
}

#[test]
fn a_python_style_file() {
    let config = good(PYTHON);
    let script = "/home/user/Desktop/taskmaster/scripts/worker.sh";
    let mut want = Program::new(["/bin/bash", script].map(str::to_owned).to_vec());
    want.numprocs = 3;
    want.workingdir = Some("/home/user/Desktop/taskmaster".to_owned());
    want.policy.autorestart = Autorestart::Never;
    want.policy.exitcodes = ExitCodes::new([0, 1, 2, 3, 4]);
    want.policy.starttime = Duration::from_secs(3);
    want.policy.stopsignal = Sig::INT;
    want.policy.stoptime = Duration::from_secs(5);
    want.stdout.sink = Sink::File("/home/user/Desktop/taskmaster/logs/worker.stdout".to_owned());
    want.stderr.sink = Sink::File("/home/user/Desktop/taskmaster/logs/worker.stderr".to_owned());
    want.env.extend([("WORKER_ID", "1"), ("ENVIRONMENT", "production")].map(|(k, v)| (k.to_owned(), template(v))));
    assert_eq!(*config.programs[&named("worker")], want);
}

pub(super) const GO: &str = r#"
taskmasterd:
    nocleanup: false
    childlogdir: /var/log/taskmasterd/
    logfile: /var/log/taskmasterd/taskmasterd.log
    loglevel: info

programs:
    nginx:
        cmd: /usr/sbin/nginx -g "daemon off;"
        numprocs: 1
        autostart: true
        autorestart: always
        exitcodes:
            - 0
        startretries: 3
        startsecs: 5
        stopsignal: TERM
        stopsecs: 10
        user: www-data
        env:
            PATH: /usr/local/bin:/usr/bin:/bin
        stdout_logfile: auto
        stderr_logfile: auto

    worker:
        cmd: /app/worker --config=/etc/worker.conf
        numprocs: 4
        autostart: true
        autorestart: on-failure
        exitcodes: [0]
        startretries: 3
        startsecs: 1
        stopsignal: USR1
        stopsecs: 2
        user: app
        workingdir: /app
        umask: 044
        env:
            LOG_LEVEL: "info"
"#;

pub(super) const JSON: &str = r#"{
  "services": {
    "web": {
      "cmd": "bun run web.ts",
      "numprocs": 2,
      "autostart": true,
      "autorestart": "always",
      "exitcodes": [0],
      "startretries": 3,
      "starttime": 5,
      "stopsignal": "SIGTERM",
      "stoptime": 5,
      "stdout": "/var/log/web-stdout.log",
      "stderr": "/var/log/web-stderr.log",
      "env": {
        "PORT": "3000",
        "NODE_ENV": "production"
      },
      "workingdir": "/app/services",
      "umask": "022"
    }
  }
}
"#;

pub(super) const PYTHON: &str = r#"
programs:
    worker:
        cmd: "/bin/bash /home/user/Desktop/taskmaster/scripts/worker.sh"
        numprocs: 3
        workingdir: /home/user/Desktop/taskmaster
        autostart: true
        autorestart: never
        exitcodes: [0, 2, 3, 4, 1]
        startretries: 3
        starttime: 3
        stopsignal: INT
        stoptime: 5
        stdout: /home/user/Desktop/taskmaster/logs/worker.stdout
        stderr: /home/user/Desktop/taskmaster/logs/worker.stderr
        env:
            WORKER_ID: "1"
            ENVIRONMENT: "production"
"#;
