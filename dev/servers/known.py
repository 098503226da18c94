"""Every server that can be had here, by the name that people and the marks of tests call it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from servers import kubernetes, postgresql, vault


class Running(Protocol):
    """One that is ready."""

    @property
    def environ(self) -> Mapping[str, str]:
        """By which its own command finds it."""


class Program(Protocol):
    """What a server takes."""

    def find(self) -> Path:
        """Where it is. Builds nothing; raises Missing."""

    def build(self) -> Path:
        """The same, but where it isn't there it is built, or installed. Raises Missing."""


class Server(Protocol):
    """A module of this package."""

    @property
    def BINARIES(self) -> tuple[Program, ...]:  # noqa: N802  a constant of the module
        """What it takes."""

    def running(self) -> AbstractContextManager[Running]:
        """Ready, and gone at the end without a trace. Raises Missing, Failed."""


SERVERS: Mapping[str, Server] = {"vault": vault, "kubernetes": kubernetes, "postgresql": postgresql}


def find(name: str) -> list[Path]:
    """Where its binaries are. Builds nothing; raises Missing."""
    return [binary.find() for binary in SERVERS[name].BINARIES]


def build(name: str) -> list[Path]:
    """The same, but what isn't there is built. Raises Missing."""
    return [binary.build() for binary in SERVERS[name].BINARIES]
