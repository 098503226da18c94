"""HTTP to one Vault: its headers, and how its settings are named."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from syncd.clients.http.deadlines import Deadlines
from syncd.clients.http.transport import UNHOLDABLE, Address, Answer, Connections
from syncd.clients.http.trust import Remedies
from syncd.clients.http.wire import holdable
from syncd.core.errors import FixError, Reason

_REMEDIES = Remedies(
    ca="`verify` names the file of the authority that signed Vault's certificate",
    certificate="`cert` names the file of a certificate, and that of its key",
    untrusted="name the authority's file as `verify`",
)


@dataclass(frozen=True)
class Server:
    """Where Vault is. `timeout` is in seconds, for one call in all; `patience` too, for how long a call may be put off
    where Vault asks for fewer requests."""

    url: str
    namespace: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    timeout: float = 30
    patience: float = 0


class Transport(Connections):
    """Calls to one Vault; raises FixError, too, where its namespace can't be sent."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        address = Address(server.url, server.ca, server.certificate, server.key, server.verify)
        super().__init__(address, _REMEDIES, Deadlines(server.timeout, clock))
        self.server = server

    def request(self, method: str, url: str, content: Any = None, *, token: str = "") -> Answer:
        """One call; `url` is the path from `/v1/` on, quoted; `content` is what the body says, as JSON."""
        sent = {"X-Vault-Request": "true"}
        if token:
            sent["X-Vault-Token"] = token
        if not holdable(self.server.namespace):
            raise FixError(Reason.INVALID_SETTINGS, "namespace", UNHOLDABLE, "write it in ASCII, on one line")
        if self.server.namespace:
            sent["X-Vault-Namespace"] = self.server.namespace
        return self.send(method, url, content, sent)

    def within(self) -> AbstractContextManager[None]:
        """All calls of this thread inside have one deadline together: the server's timeout, from now on."""
        return self.deadlines.within()

    def alone(self, lock: Lock) -> AbstractContextManager[None]:
        """As one thread at a time; each waits no longer than a call of its own may take."""
        return self.deadlines.alone(lock, self.server.url)
