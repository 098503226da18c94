"""A kubeconfig, with all its ways in: tokens, certificates, plugins. Here alone the package `kubernetes` is imported.

It gives credentials, and no calls: its own follow no deadline, take HTML for an empty Secret, and lie in one class for
each kind of object there is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from threading import Thread
from typing import Any

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.transport import UNHOLDABLE, Address
from syncd.clients.http.wire import holdable
from syncd.clients.kubernetes.cluster import has_plugin, paths
from syncd.clients.kubernetes.credentials import Identity
from syncd.core.errors import FixError, Reason, SyncError, WaitError, origin


class Kubeconfig:
    """Where path is empty, those that KUBECONFIG names, or the one at home; where context is empty, the current one.

    Each client has one of its own.
    """

    again = 60.0  # a plugin may be slow, and costs a process

    def __init__(self, path: str = "", context: str = "") -> None:
        self.path, self.context = path, context
        self._configuration: Any = None
        self._running: futures.Future[Any] | None = None

    def identity(self, deadlines: Deadlines, *, anew: bool) -> Identity:
        """Read anew, or only renewed where it expires. Raises FixError where it can't be used, WaitError in time."""
        call = self._load if anew or self._configuration is None else self._renewed
        self._configuration = self._in_time(call, deadlines)
        return self._identity(self._configuration)

    @property
    def _paths(self) -> str:
        return paths(self.path)

    def _load(self) -> Any:
        try:
            from kubernetes.client import Configuration
            from kubernetes.config import load_kube_config
        except ImportError:
            problem, remedy = "needs the package kubernetes", "pip install 'airflow-shared-connections[kubernetes]'"
            raise FixError(Reason.INVALID_SETTINGS, self._paths, problem, remedy) from None
        if not any(Path(path).expanduser().is_file() for path in self._paths.split(os.pathsep) if path):
            raise FixError(Reason.INVALID_SETTINGS, self._paths, "isn't there", "name a kubeconfig")
        configuration = Configuration()
        configuration.proxy = None  # newer ones take the environment's
        # What it writes back is a provider's next token: the one before is void by then, for kubectl too.
        load_kube_config(self._paths, self.context or None, client_configuration=configuration)
        return configuration

    def _renewed(self) -> Any:
        if self._configuration.refresh_api_key_hook is not None:
            self._configuration.refresh_api_key_hook(self._configuration)
        return self._configuration

    def _in_time(self, call: Callable[[], Any], deadlines: Deadlines) -> Any:
        """A plugin has no timeout: one that hangs is left alone, and waited for again by the next call."""
        if self._running is None:
            self._running = _started(call)
        error: SyncError
        try:
            found = self._running.result(deadlines.left())
        except SyncError as known:
            error = known.with_traceback(None)
        except (TimeoutError, futures.TimeoutError):
            if not self._running.done():
                problem = f"its plugin doesn't answer within {deadlines.timeout:g} s"
                raise WaitError(Reason.UNAVAILABLE, self._paths, problem, "run it by hand") from None
            error = self._failure(TimeoutError())
        except Exception as strange:  # noqa: BLE001  of YAML, a provider, the package: all may hold values
            error = self._failure(strange)
        else:
            self._running = None
            return found
        self._running = None
        raise error

    def _failure(self, error: Exception) -> SyncError:
        if isinstance(error, OSError) and not isinstance(error, (PermissionError, FileNotFoundError)):
            problem = f"its provider can't be reached ({type(error).__name__})"
            return WaitError(Reason.UNAVAILABLE, self._paths, problem, "try it with kubectl")
        mark = getattr(error, "problem_mark", None)  # PyYAML's, which names the file; its text shows what that holds
        if mark is not None:
            where = f"{mark.name}:{mark.line + 1}"
            return FixError(Reason.INVALID_SETTINGS, where, "isn't YAML", "look at it with `kubectl config view`")
        if self.context and str(error).endswith("contexts list"):
            return FixError(Reason.INVALID_SETTINGS, self._paths, f"has no context {self.context}", "name another")
        where = origin(error) if error.__traceback__ else "nowhere"
        problem = f"can't be used ({type(error).__name__} at {where})"
        return FixError(Reason.INVALID_SETTINGS, self._paths, problem, "try it with kubectl")

    def _identity(self, configuration: Any) -> Identity:
        if configuration.proxy:
            problem, remedy = "its `proxy-url` isn't supported", "reach the API server without one"
            raise FixError(Reason.INVALID_SETTINGS, self._paths, problem, remedy)
        address = Address(
            configuration.host,
            configuration.ssl_ca_cert or "",
            configuration.cert_file or "",
            configuration.key_file or "",
            configuration.verify_ssl,
            configuration.tls_server_name or "",
        )
        # A plugin that fails is logged by the package, and no error.
        if not configuration.api_key and not configuration.cert_file and has_plugin(self.path, self.context):
            problem, remedy = "its plugin gave no credentials", "run by hand what its user has as `exec`"
            raise FixError(Reason.ACCESS_DENIED, self._paths, problem, remedy)
        # It has another name by the package's generation.
        keys = configuration.api_key
        authorization = keys.get("BearerToken") or keys.get("authorization") or ""
        if not holdable(authorization):
            remedy = "look at its token, or at what its plugin prints"
            raise FixError(Reason.INVALID_SETTINGS, self._paths, f"its token {UNHOLDABLE}", remedy)
        return Identity(address, authorization)


def _started(call: Callable[[], Any]) -> futures.Future[Any]:
    """Of an executor, the thread would be waited for at the end of the process."""
    done: futures.Future[Any] = futures.Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001  whoever waits is told: it would wait for ever
            done.set_exception(error)

    Thread(target=run, name="kubeconfig", daemon=True).start()
    return done
