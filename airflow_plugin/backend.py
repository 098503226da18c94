"""Airflow's three calls, and the rules of its chain of secrets backends.

None means "not linked here, ask the next backend". Anything broken is our own ERROR, then the one exception that
stops the chain: from Airflow 3.2.2 on; before, Airflow asks on whatever is raised, and the ERROR says so.
"""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.secrets import BaseSecretsBackend

if TYPE_CHECKING:
    from airflow_plugin.lookup import Lookup
    from syncd.core.errors import SyncError

T = TypeVar("T")
log = logging.getLogger(__name__)


class SharedConnectionsBackend(BaseSecretsBackend):
    """Resolves a connection id, or a variable's key, to the layers that were synced for this deployment, merged.

    Making one does no work and never raises: `import airflow` makes one in every process. What is wrong with
    `backend_kwargs` is told at the first lookup.
    """

    def __init__(self, /, **kwargs: Any) -> None:
        super().__init__()
        self._kwargs = kwargs
        self._key = ""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """`backend_kwargs` as Airflow gave them, unchecked."""
        return self._kwargs

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The connection as JSON, or None where it isn't linked to this deployment."""
        value = self._guarded("connection", conn_id, lambda lookup: lookup.find("connection", conn_id))
        if value is not None:
            return value
        following = self._following("connection", conn_id)
        return None if following is None else _ask(following.get_conn_value, team_name, conn_id=conn_id)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """As the base class has it; but the backend that `next` names may know connections only as objects."""
        connection = self._guarded("connection", conn_id, lambda lookup: self._connection(lookup, conn_id))
        if connection is not None:
            return connection
        following = self._following("connection", conn_id)
        return None if following is None else _ask(following.get_connection, team_name, conn_id=conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The variable's text, or None where it isn't linked to this deployment."""
        value = self._guarded("variable", key, lambda lookup: lookup.find("variable", key))
        if value is not None:
            return value
        following = self._following("variable", key)
        return None if following is None else _ask(following.get_variable, team_name, key=key)

    def get_config(self, key: str) -> str | None:
        """None: Airflow's own configuration is nobody's connection."""
        return None

    def _connection(self, lookup: Lookup, conn_id: str) -> Any:
        value = lookup.find("connection", conn_id)
        return None if value is None else self.deserialize_connection(conn_id=conn_id, value=value)

    def _following(self, kind: str, id_: str) -> Any:
        # Airflow tells a backend of which class its connections are: from 3.2 on there are two.
        made = self._get_connection_class() if hasattr(self, "_get_connection_class") else None
        return self._guarded(kind, id_, lambda lookup: lookup.following(made))

    def _guarded(self, kind: str, id_: str, step: Callable[[Lookup], T]) -> T:
        from syncd.core.errors import SyncError

        try:
            return step(self._lookup())
        except SyncError as error:
            failure = error.with_traceback(None)
        except Exception as error:  # noqa: BLE001  an unforeseen error must stop the chain as well
            failure = _unforeseen(error)
        # Raised here, where no frame above holds a value that a traceback with locals would print.
        raise _stop(kind, id_, failure)

    def _lookup(self) -> Lookup:
        from airflow_plugin.lookup import for_kwargs

        self._key = self._key or repr(self._kwargs)
        return for_kwargs(self._key, self._kwargs)


def _ask(method: Callable[..., Any], team_name: str | None, **named: str) -> Any:
    """Call a backend as Airflow does, which may have been written before there were teams."""
    parameters = {} if team_name is None else inspect.signature(method).parameters
    if "team_name" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return method(team_name=team_name, **named)
    return method(**named)


def _unforeseen(error: Exception) -> SyncError:
    from syncd.core.errors import FixError, Reason

    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    where = f"{Path(frame.f_code.co_filename).name}:{line}"
    return FixError(
        Reason.INTERNAL, "airflow-shared-connections", f"{type(error).__name__} at {where}", "please report it"
    )


def _stop(kind: str, id_: str, error: SyncError) -> Exception:
    stop = _stopping()
    asked = "this Airflow asks its other backends all the same" if stop is None else "no other backend is asked"
    log.error("%s %r can't be had; %s. %s", kind, id_, asked, error)
    return (stop or RuntimeError)(f"{kind} {id_!r} can't be had: {error}")


@cache  # as for maskers: an import that fails would be tried again at each error
def _stopping() -> type[Exception] | None:
    """What stops Airflow's chain of backends; None before Airflow 3.2.2, where nothing does."""
    try:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
    except ImportError:
        return None
    stop: type[Exception] = AirflowSecretsBackendAccessDenied
    return stop
