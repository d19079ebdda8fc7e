"""`python -m studio run|web|worker|scheduler`: all of Atelier as one command, or one of its processes."""

import argparse
import os
import signal
import sys

from studio.runtime import supervisor
from studio.runtime.lifeline import follow_parent

_ROLES = {
    "web": "serve the pages",
    "worker": "make the pictures",
    "scheduler": "do the upkeep; exactly one per installation is enough",
    "health": "exit with 0 if the web process on this machine answers",
    "settings": "check the settings and print what the supervisor needs of them",
}
_PROCESSES = {"web", "worker", "scheduler"}


def main() -> int:
    """Run what the command line asks for; return the exit status (0 stopped, 1 failed, 2 a bad setting)."""
    parser = argparse.ArgumentParser(prog="python -m studio", description=__doc__)
    commands = parser.add_subparsers(dest="role", required=True)
    command = commands.add_parser("run", help="run everything, with an embedded database unless DATABASE_URL is set")
    command.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends")
    for role, what in _ROLES.items():
        command = commands.add_parser(role, help=what)
        if role == "web":
            command.add_argument("--socket", type=int, help="serve on this inherited socket instead of HOST and PORT")
    chosen = parser.parse_args()
    if chosen.role == "run":
        if chosen.with_parent:
            follow_parent(signal.SIGTERM)
        return supervisor.run()
    os.environ["ATELIER_PROCESS"] = chosen.role if chosen.role in _PROCESSES else "command"
    from config import processes  # noqa: PLC0415  # the supervisor above runs without loading Django

    return processes.run(chosen.role, descriptor=getattr(chosen, "socket", None))


if __name__ == "__main__":
    sys.exit(main())
