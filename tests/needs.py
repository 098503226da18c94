"""Real servers for every room. A test that needs one is marked with its name.

Where a server can't be had, its tests are skipped, which the summary says aloud; where `CI` is set, they fail.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from functools import cache

import pytest

from servers import known, kubernetes, postgresql, vault
from servers.binaries import Missing
from servers.kubernetes import objects

_MISSING = "needs a server: "


@pytest.fixture(scope="session")
def vault_server() -> Iterator[vault.Vault]:
    """A Vault in memory, for all tests of a run: each keeps to a path of its own."""
    with vault.running() as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes_server() -> Iterator[kubernetes.Kubernetes]:
    """A Kubernetes, for all tests of a run: each keeps to a namespace of its own, and stops nothing."""
    with kubernetes.running() as server:
        yield server


@pytest.fixture
def kubernetes_namespace(kubernetes_server: kubernetes.Kubernetes) -> str:
    """A namespace of this test's own."""
    return objects.namespace(kubernetes_server, f"test-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Postgresql]:
    """A PostgreSQL, for all tests of a run: each keeps to a database of its own, and stops nothing."""
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgresql_database(postgresql_server: postgresql.Postgresql) -> Iterator[str]:
    """A database of this test's own: its URL, its superuser's."""
    with postgresql_server.database() as name:
        yield postgresql_server.url(name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in known.SERVERS:
        if item.get_closest_marker(name) and (why := _why_not(name)):
            (pytest.fail if os.environ.get("CI") else pytest.skip)(_MISSING + why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    not_run: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        _, found, why = reason.partition(_MISSING)
        if found:
            not_run.setdefault(why, []).append(report.nodeid.partition("::")[0])
    if not_run:
        terminalreporter.section("NOT TESTED", red=True, bold=True)
    for why, files in sorted(not_run.items()):
        terminalreporter.write_line(f"{len(files)} tests did not run: {why}", red=True, bold=True)
        for file in sorted(set(files)):
            terminalreporter.write_line(f"  {file}", red=True)


@cache
def _why_not(name: str) -> str:
    """Why there is no such server here; empty where there is one."""
    try:
        known.find(name)
    except Missing as missing:
        return str(missing)
    return ""
