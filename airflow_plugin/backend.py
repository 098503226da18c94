"""Airflow's three calls, and the rules of its chain of secrets backends.

None means "not linked here, ask the next backend". Anything broken is our own ERROR, then the one exception that
stops the chain: from Airflow 3.2.2 on; before, Airflow asks on whatever is raised, and the ERROR says so.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.secrets import BaseSecretsBackend

if TYPE_CHECKING:
    from airflow_plugin.lookup import Lookup
    from syncd.core.errors import SyncError

log = logging.getLogger(__name__)


class SharedConnectionsBackend(BaseSecretsBackend):
    """Resolves a connection id, or a variable's key, to the layers that were synced for this deployment, merged.

    Making one does no work and never raises: `import airflow` makes one in every process. What is wrong with
    `backend_kwargs` is told at the first lookup.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self._kwargs = kwargs

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """The connection as JSON, or None where it isn't linked to this deployment."""
        value = self._find("connection", conn_id)
        following = None if value is not None else self._following()
        return value if following is None else _call(following.get_conn_value, team_name, conn_id=conn_id)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """As the base class has it; but the backend that `next` names may know connections only as objects."""
        value = self._find("connection", conn_id)
        if value is not None:
            return self.deserialize_connection(conn_id, value)
        following = self._following()
        return None if following is None else _call(following.get_connection, team_name, conn_id=conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """The variable's text, or None where it isn't linked to this deployment."""
        value = self._find("variable", key)
        following = None if value is not None else self._following()
        return value if following is None else _call(following.get_variable, team_name, key=key)

    def get_config(self, key: str) -> str | None:
        """None: Airflow's own configuration is nobody's connection."""
        return None

    def _find(self, kind: str, id_: str) -> str | None:
        from syncd.core.errors import SyncError

        try:
            return self._lookup().find(kind, id_)
        except SyncError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  an unforeseen error must stop the chain as well
            failure = _unforeseen(error)
        # Raised here, where no frame above holds a value that a traceback with locals would print.
        raise _stop(kind, id_, failure)

    def _following(self) -> Any:
        following = self._lookup().following()
        if following is not None and hasattr(self, "_get_connection_class"):
            following._set_connection_class(self._get_connection_class())  # noqa: SLF001  Airflow injects its class so
        return following

    def _lookup(self) -> Lookup:
        from airflow_plugin.lookup import for_kwargs

        return for_kwargs(self._kwargs)


def _call(method: Any, team_name: str | None, **named: str) -> Any:
    if team_name is None:
        return method(**named)
    return method(team_name=team_name, **named)


def _unforeseen(error: Exception) -> SyncError:
    from syncd.core.errors import FixError, Reason

    return FixError(
        Reason.INTERNAL, "airflow-shared-connections", f"failed with {type(error).__name__}", "please report it"
    )


def _stop(kind: str, id_: str, error: SyncError) -> Exception:
    try:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied as Stop
    except ImportError:
        # Airflow before 3.2.2 has nothing that stops its chain.
        log.error(  # noqa: TRY400  the ImportError is no news
            "%s %r can't be had; this Airflow asks its other backends all the same. %s", kind, id_, error
        )
        return RuntimeError(f"{kind} {id_!r} can't be had: {error}")
    log.error("%s %r can't be had, and no other backend is asked. %s", kind, id_, error)
    stop: Exception = Stop(f"{kind} {id_!r} can't be had: {error}")
    return stop
