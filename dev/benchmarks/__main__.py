"""Measures ratios side by side in one run, and holds them against what was promised.

A ratio is the median of paired runs, with the least and the greatest of them: a bare time says nothing of another
machine. Time is the process's own, without what it waited for a CPU that others had. It exits 1 where a promise
doesn't hold. Virtual environments are made where they aren't there; nothing else is left behind.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

import backend
import backend_kubernetes
import backend_vault
import daemon
import local
import push_kubernetes
import push_vault
import sync
from runs import say
from table import Row, table

BENCHES = {
    "backend": backend,
    "backend vault": backend_vault,
    "backend kubernetes": backend_kubernetes,
    "sync": sync,
    "push vault": push_vault,
    "push kubernetes": push_kubernetes,
    "daemon": daemon,
    "local": local,
}
"""A module each: its `rows` measures, and its docstring says what."""


def main() -> int:
    # Ended as by an error, so that no folder and no process of a bench is left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    name = _name()
    results = [_held(one) for one in ([name] if name else BENCHES)]
    return 0 if all(results) else 1


def _name() -> str:
    width = max(map(len, BENCHES))
    known = "\n".join(f"  {name:<{width}}  {(module.__doc__ or '').strip()}" for name, module in BENCHES.items())
    parser = argparse.ArgumentParser(
        "dev/bench",
        description=__doc__,
        epilog=f"known benches:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="one of those below; without a name all of them")
    name = " ".join(parser.parse_args().name)
    if name and name not in BENCHES:
        parser.error(f"no bench {name!r}; known are: {', '.join(BENCHES)}")
    return name


def _held(name: str) -> bool:
    rows: list[Row] = []
    failure = ""
    try:
        rows.extend(BENCHES[name].rows())
    except (RuntimeError, subprocess.CalledProcessError) as error:
        failure = str(error)
    say("")
    print(f"== {name}\n{table(rows)}\n", flush=True)
    if failure:
        say(f"{name} ended early: {failure}")
    return not failure and all(row.held for row in rows)


if __name__ == "__main__":
    sys.exit(main())
