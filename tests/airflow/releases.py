"""Where the releases of Airflow differ, each difference by a name."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _installed() -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version("apache-airflow").split(".")[:3])
    except PackageNotFoundError:
        return ()


VERSION = _installed()

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
