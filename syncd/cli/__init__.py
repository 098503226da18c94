"""`syncd`: the registry, plans and passes for people and for scripts."""

from __future__ import annotations

import sys


def main() -> None:
    """The command's entry. Without the extra `daemon` it says what to install."""
    try:
        from syncd.cli.app import run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("airflow_plugin", "syncd"):
            raise
        sys.stderr.write("syncd needs: pip install 'airflow-shared-connections[daemon]'\n")
        sys.exit(1)
    sys.exit(run())
