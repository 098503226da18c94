"""`run`: the daemon."""

from __future__ import annotations

import os
import signal
import socket
import sys

import typer

from syncd.cli.options import epilog, examples
from syncd.cli.session import who

app = typer.Typer()

RUN = epilog(
    examples("syncd run", "SYNCD_DAEMON_INTERVAL=30 syncd run"),
    "Settings, in [daemon] of syncd.toml or as SYNCD_DAEMON_NAME; in seconds:\n"
    "  interval  60     between two passes over a target where nothing changed\n"
    "  cron             instead: five fields, in UTC\n"
    "  jitter    0.1    the share by which times are shorter at random\n"
    "  poll      0.5    between two looks at the registry: a change is seen then\n"
    "  verify    900    within which all documents are read back, and repaired\n"
    "  deadline  300    of one pass\n"
    "  backoff   300    the longest time between two tries at what fails\n"
    "  grace     20     from SIGTERM until passes that still write are left behind\n"
    "  passes    8      targets worked on at once, a number\n"
    "  listen           HOST:PORT of /livez /readyz /metrics; 127.0.0.1:9595,\n"
    "                   empty for none\n"
    "[definitions] path = FOLDER is applied at each interval, as apply -f would.",
    "Signals:\n"
    "  SIGTERM, SIGINT  end, once what is being written is written; again: at once\n"
    "  SIGHUP           read the settings again; go on where they are wrong",
    "Exit codes:\n  0 ended when told  1 couldn't begin, or a pass was left behind\n  130, 143 told twice",
)


@app.command(epilog=RUN)
def run() -> None:
    """Keep every target in sync, until told to stop.

    A change in the registry is written at once, the rest on a schedule. What happens is told on stderr: as JSON, or
    in words on a terminal.
    """
    # Until it can be heeded: whoever starts it may tell it at once to read its settings, which it is about to do.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from syncd.daemon import process

    raise typer.Exit(process.run(os.environ, who=f"{who()}@{socket.gethostname()}", stream=sys.stderr))
