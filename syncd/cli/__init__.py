"""`syncd`: the registry, plans and passes for people and for scripts."""

from __future__ import annotations

import gc
import os
import sys

_COLLECTED_AFTER = 200_000
"""Objects made, and not gone again, between two looks for garbage."""

INSTALL = "pip install 'airflow-shared-connections[daemon]', in an environment of its own"


def main() -> None:
    """The command's entry. Without the extra `daemon` it says what to install."""
    _open_streams()
    # Half of what is imported stays for good: looking through it again and again takes a tenth of a short command.
    gc.set_threshold(_COLLECTED_AFTER)
    try:
        from syncd.cli.app import run
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("airflow_plugin", "syncd"):
            raise
        sys.stderr.write(f"syncd needs: {INSTALL}\n")
        sys.exit(1)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has enough.
        _discard_output()
        code = 1
    except Exception as error:  # noqa: BLE001  what couldn't even be told: its name, and no traceback
        sys.stderr.write(f"syncd: failed with {type(error).__name__} while it wrote its answer\n")
        _discard_output()
        code = 1
    # The process ends: looking for garbage once more would take another tenth.
    gc.freeze()
    sys.exit(code)


def _discard_output() -> None:
    """What is left to write goes nowhere, at the interpreter's end too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
        elif mode == "w":
            # A character that the locale hasn't stops no command.
            stream.reconfigure(errors="replace")
