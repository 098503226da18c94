"""Real servers for tests, demonstrations and benches: each on a free port of this machine, with nothing left behind.

Without --build, starts one and says how to reach it, until it is interrupted.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys

from servers import known
from servers.binaries import Missing
from servers.processes import Failed


def main() -> int:
    parser = argparse.ArgumentParser("dev/server", description=__doc__)
    parser.add_argument(
        "--build", action="store_true", help="only see to it that its binaries are there, and print where"
    )
    parser.add_argument("name", metavar="NAME", choices=known.SERVERS, help=f"one of: {', '.join(known.SERVERS)}")
    arguments = parser.parse_args()
    # Ended as by an error, so that no folder and no process is left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        binaries = known.build(arguments.name)
        if arguments.build:
            print(*binaries, sep="\n")
        else:
            with known.SERVERS[arguments.name].running() as running:
                for name, value in running.environ.items():
                    print(f"export {name}={shlex.quote(value)}", flush=True)
                signal.pause()
    except (Missing, Failed) as error:
        print(f"dev/server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
