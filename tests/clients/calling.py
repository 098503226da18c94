"""A client of Vault as tests make it, and what a call raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.clients.vault.login import Credential, Login
from syncd.clients.vault.transport import Server
from syncd.clients.vault.writing import Vault
from syncd.core.errors import SyncError

SENTINEL = "tell-nobody"
TOKEN = f"hvs.{SENTINEL}-token"
READ = {"data": {"data": {"a": "b"}, "metadata": {"version": 3, "custom_metadata": None}}}


def client(address: str, entered: Login | None = None, mount: str = "secret", **settings: Any) -> Vault:
    return Vault(Server(address, **{"timeout": 5, **settings}), entered or Login("token", Credential(TOKEN)), mount)


def raised(call: Callable[[], object]) -> SyncError:
    with pytest.raises(SyncError) as caught:
        call()
    return caught.value
