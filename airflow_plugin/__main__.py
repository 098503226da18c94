"""What this worker sees: `python -m airflow_plugin [CONN_ID] [--variable KEY]`.

Exits with 0 where all is well and what was asked for is linked, 1 where not, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from airflow_plugin.report import as_text, report


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code; raises SystemExit for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_plugin",
        description="What this worker sees of its shared connections: configuration, place and nameplate; of a "
        "connection or a variable each field with its layer. Secrets aren't shown.",
    )
    parser.add_argument("connection", metavar="CONN_ID", nargs="?", help="show this connection")
    parser.add_argument("--variable", metavar="KEY", help="show this variable")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    asked = parser.parse_args(arguments)
    items = [("connection", asked.connection), ("variable", asked.variable)]
    with redirect_stdout(sys.stderr):  # Airflow logs there, and what is printed here is for programs too
        found = report([(kind, id_) for kind, id_ in items if id_ is not None])
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a worker's locale may be C
    print(json.dumps(found, indent=2) if asked.output == "json" else as_text(found))  # noqa: T201  a command's answer
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
