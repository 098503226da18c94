"""A client of Vault as tests make it."""

from __future__ import annotations

from typing import Any

from syncd.clients.vault.login import Credential, Login
from syncd.clients.vault.transport import Server
from syncd.clients.vault.writing import Vault
from tests.clients.quiet import SENTINEL

TOKEN = f"hvs.{SENTINEL}-token"
READ = {"data": {"data": {"a": "b"}, "metadata": {"version": 3, "custom_metadata": None}}}


def client(address: str, entered: Login | None = None, mount: str = "secret", **settings: Any) -> Vault:
    return Vault(Server(address, **{"timeout": 5, **settings}), entered or Login("token", Credential(TOKEN)), mount)
