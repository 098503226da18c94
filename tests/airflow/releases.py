"""Where the releases of Airflow differ, each difference by a name."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed(name: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version(name).split(".")[:3])
    except PackageNotFoundError:
        return ()


VERSION = _installed("apache-airflow")

TASK_SDK = VERSION >= (3, 0)
"""Tasks know no metadata database: they ask a chain of their own, then the API server."""

WORKERS_SECTION = VERSION >= (3, 0)
"""Tasks may be given another backend than servers, in section [workers]."""

SERVER_CHAIN_IN_SDK = VERSION >= (3, 1, 1)
"""A hook in the API server asks the server's chain."""

ASYNC_LOOKUP = VERSION >= (3, 1)
"""`await BaseHook.aget_connection(…)`."""

LOOKUP_IN_EVENT_LOOP = not (3, 0) <= VERSION < (3, 1)
"""A trigger may look up without a thread. Airflow 3.0 masks by a message that can't be sent from an event loop."""

CONNECTION_CLASSES = VERSION >= (3, 2)
"""A backend is told of which class its connections are: the SDK's, or the database's."""

KWARG_VARIABLES = VERSION >= (3, 2)
"""AIRFLOW__SECRETS__BACKEND_KWARG__<KEY>, each a text."""

CHAIN_STOPS = VERSION >= (3, 2, 2)
"""A backend can keep Airflow from asking the next one."""

TEST_ASKS_BACKENDS = VERSION >= (3, 1)
"""The API's test of a connection begins with what the backends have for its id."""

_BELOW: dict[str, dict[str, tuple[int, ...]]] = {
    "3.0": {"fastapi": (0, 132)},
    "3.2": {"fastapi": (0, 137), "svcs": (26,)},
}
"""3.0 and 3.2 don't say what is too new for the server that their tasks talk to."""

TOO_NEW = tuple(
    f"{name}<{'.'.join(map(str, below))}"
    for name, below in _BELOW.get("{}.{}".format(*VERSION[:2]), {}).items()
    if _installed(name) >= below
)
TASKS_RUN = not TOO_NEW
TASKS_DO_NOT_RUN = f"no task of this release runs here: dev/constraints must have it with {', '.join(TOO_NEW)}"
