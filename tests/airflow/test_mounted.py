"""A Secret that the kubelet mounts: flat keys behind links, all of them swapped at once."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from servers.kubernetes.kubelet import Mount
from tests.airflow.documents import WAREHOUSE, Shared, connection

pytestmark = pytest.mark.airflow


def keys(shared: Shared) -> dict[str, bytes]:
    """The documents of `etl-dev` as the keys of a Secret."""
    folder = shared.file("nameplate").parent
    return {".".join(file.relative_to(folder).parts): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def mount(tmp_path: Path, shared: Shared) -> Mount:
    mount = Mount(tmp_path / "mounted")
    mount.swap(keys(shared))
    return mount


@pytest.fixture
def ours(backend: type[Any], shared: Shared, mount: Mount) -> Any:
    return backend(**shared.kwargs(path=str(mount.root)))


def test_it_serves_what_is_linked(ours: Any) -> None:
    assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE
    assert json.loads(ours.get_conn_value("Lake/é"))["conn_type"] == "aws"
    assert ours.get_variable("region") == "eu-west-1"


def test_what_has_no_key_is_not_linked(ours: Any) -> None:
    assert ours.get_conn_value("theirs") is None


@pytest.mark.parametrize("key", ["connections.warehouse", "nameplate"])
def test_bytes_that_are_no_text_are_an_error_and_no_miss(ours: Any, shared: Shared, mount: Mount, key: str) -> None:
    mount.swap({**keys(shared), key: b"\xff\xfe{"})

    with pytest.raises(Exception, match=f"{key}: is no JSON object"):
        ours.get_conn_value("warehouse")


def test_a_swap_is_seen_at_the_next_call(ours: Any, shared: Shared, mount: Mount) -> None:
    assert ours.get_variable("region") == "eu-west-1"

    shared.put(connection("warehouse", host="swapped"))
    shared.file("variables/region").unlink()
    mount.swap(keys(shared))

    assert json.loads(ours.get_conn_value("warehouse"))["host"] == "swapped"
    assert ours.get_variable("region") is None


def test_a_key_whose_link_is_not_cleared_away_yet_is_not_linked(ours: Any, mount: Mount) -> None:
    (mount.root / "..data" / "variables.region").unlink()

    assert ours.get_variable("region") is None


def test_the_mount_of_another_deployment_is_an_error(backend: type[Any], shared: Shared, mount: Mount) -> None:
    theirs = backend(**shared.kwargs(path=str(mount.root), deployment="etl-prod"))

    with pytest.raises(Exception, match="is the nameplate of another deployment, not of etl-prod"):
        theirs.get_conn_value("nonesuch")


def test_lookups_while_the_kubelet_swaps_see_one_revision_each(ours: Any, shared: Shared, mount: Mount) -> None:
    whole = keys(shared)
    document = whole["connections.warehouse"]
    hosts = [f"host-{number}".encode() for number in range(40)]
    swapped = threading.Event()

    def swap() -> None:
        try:
            for host in hosts:
                mount.swap({**whole, "connections.warehouse": document.replace(b"dev.warehouse", host)})
        finally:
            swapped.set()

    writer = threading.Thread(target=swap)
    writer.start()
    seen = []
    while not swapped.is_set():
        seen.append(json.loads(ours.get_conn_value("warehouse"))["host"])
    writer.join()

    known = ["dev.warehouse", *(host.decode() for host in hosts)]
    assert [known.index(host) for host in seen] == sorted(known.index(host) for host in seen)
    assert json.loads(ours.get_conn_value("warehouse"))["host"] == known[-1]
