"""What `dev/servers` promises of Vault: there when it is needed, as it is needed, and gone afterwards."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import processes, vault
from tests.servers import traces

pytestmark = [pytest.mark.vault, pytest.mark.slow]

STARTED_AND_LEFT = """
import os, signal
from servers import vault
with vault.running() as server:
    print(server.address, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def raft(tmp_path: Path) -> Iterator[vault.Raft]:
    """Initialised and unsealed, with KV version 2 at `secret/`."""
    with vault.raft(tmp_path) as server:
        server.initialise()
        server.unseal()
        assert server.vault.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}).status == 204
        yield server


def put(server: vault.Vault, path: str, **data: str) -> None:
    assert server.call("POST", f"secret/data/{path}", {"data": data}).status == 200


def got(server: vault.Vault, path: str) -> object:
    return server.call("GET", f"secret/data/{path}").body["data"]["data"]


def test_one_in_memory_keeps_what_it_is_given_and_asks_who_one_is(vault_server: vault.Vault) -> None:
    put(vault_server, "servers/lake", host="lake.internal")

    assert got(vault_server, "servers/lake") == {"host": "lake.internal"}
    stranger = vault.Vault(vault_server.address, "a token of nobody")
    assert stranger.call("GET", "secret/data/servers/lake").status == 403


def test_nothing_is_left_of_one_that_has_ended(scratch: Path) -> None:
    with vault.running() as server:
        assert traces.listens(server.address)
        assert list(scratch.iterdir()) != []
        assert len(list(traces.at_work(scratch))) == 1

    assert not traces.listens(server.address)
    assert list(traces.at_work(scratch)) == []
    assert list(scratch.iterdir()) == []


def test_nothing_is_left_after_an_error(scratch: Path) -> None:
    with pytest.raises(ZeroDivisionError), vault.running() as server:
        raise ZeroDivisionError

    assert not traces.listens(server.address)
    assert list(scratch.iterdir()) == []


def test_it_ends_with_whoever_started_it(scratch: Path) -> None:
    traces.assert_ends_with_its_parent(STARTED_AND_LEFT, scratch)


def test_its_root_token_is_no_argument(scratch: Path) -> None:
    with vault.running() as server:
        arguments = [(Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in traces.at_work(scratch)]

    assert b"-dev" in arguments[0]
    assert not any(server.root_token.encode() in one for one in arguments)
    assert server.root_token not in repr(server)


def test_a_port_that_somebody_took_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], processes.free_port()]
        monkeypatch.setattr(processes, "free_port", lambda: ports.pop(0))

        with vault.running() as server:
            assert ports == []
            assert traces.listens(server.address)


def test_sealed_it_answers_503_until_it_is_unsealed(raft: vault.Raft) -> None:
    put(raft.vault, "lake", host="lake.internal")

    raft.seal()
    assert raft.vault.call("GET", "secret/data/lake").status == 503

    raft.unseal()
    assert got(raft.vault, "lake") == {"host": "lake.internal"}


def test_a_restart_keeps_address_and_data(raft: vault.Raft) -> None:
    put(raft.vault, "lake", host="lake.internal")
    before = raft.vault

    raft.stop()
    with pytest.raises(OSError, match="refused"):
        before.call("GET", "sys/health")
    raft.start()
    raft.unseal()

    assert got(before, "lake") == {"host": "lake.internal"}


def test_its_certificate_is_its_authoritys_and_can_be_renewed(raft: vault.Raft) -> None:
    before = ssl.get_server_certificate(("127.0.0.1", int(raft.vault.address.rpartition(":")[2])))

    raft.renew_certificate()

    assert raft.vault.call("GET", "sys/health").status == 200
    assert ssl.get_server_certificate(("127.0.0.1", int(raft.vault.address.rpartition(":")[2]))) != before
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        vault.Vault(raft.vault.address, "").call("GET", "sys/health")
