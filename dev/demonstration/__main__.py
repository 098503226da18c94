"""`dev/demo`, once the environments are there: NAME, and where the commands of syncd and of Airflow are."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

import directory
import screen
import through_kubernetes
import through_vault
from stage import Failed, Stage

STORIES = {"directory": directory.tell, "vault": through_vault.tell, "kubernetes": through_kubernetes.tell}


def main(name: str, syncd: str, airflow: str) -> int:
    """Tell a story; the exit code."""
    sys.stdout.reconfigure(errors="replace")  # a terminal's locale may be C
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    with Stage(Path(syncd), Path(airflow)) as stage:
        try:
            STORIES[name](stage)
        except Failed as failure:
            screen.failed(failure, kept=stage.keep_logs())
            return 1
        except Exception:  # noqa: BLE001  the demonstration's own mistake
            traceback.print_exc()
            screen.failed(Failed("the demonstration itself failed"), kept=stage.keep_logs())
            return 1
        finally:
            screen.out.show_cursor()  # a command's spinner may have been cut short
    return 0


def _interrupted(number: int, _: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # what is left to do is tidying up
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
