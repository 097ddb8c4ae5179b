"""What supervisord would start for each of the configurations of a JSON list: argv, env, directory and log of every
process, or null if it refuses the configuration. Reads standard input, writes standard output."""

import json
import os
import platform
import shlex
import sys

from supervisor.options import ServerOptions

platform.node = lambda: "box"


def processes(path):
    options = ServerOptions()
    options.configfile = path
    options.here = os.path.dirname(path)
    found = []
    for group in options.read_config(path).process_group_configs:
        for process in group.process_configs:
            argv = shlex.split(process.command)
            if not argv:
                raise ValueError("no command")
            env = {
                "SUPERVISOR_ENABLED": "1",
                "SUPERVISOR_PROCESS_NAME": process.name,
                "SUPERVISOR_GROUP_NAME": group.name,
            }
            env.update(process.environment)
            log = process.stdout_logfile
            log = log if isinstance(log, str) else None
            found.append({"argv": argv, "env": env, "dir": process.directory, "log": log})
    return found


answers = []
for text in json.load(sys.stdin):
    path = os.path.join(os.getcwd(), "s.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        answers.append(processes(path))
    except ValueError:
        answers.append(None)
json.dump(answers, sys.stdout)
