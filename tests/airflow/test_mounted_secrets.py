"""A deployment's Secrets in a real API server, mounted as the sample pod says: our backend needs nothing but files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("airflow")
from servers import kubernetes
from servers.kubernetes import objects
from servers.kubernetes.kubelet import Mount, project
from servers.processes import Failed
from syncd.core.layouts.kubernetes import Bundled, key_of
from syncd.core.layouts.spread import secret_name, slot
from syncd.core.model import Key
from tests.airflow.documents import WAREHOUSE, connection, sample
from tests.airflow.namespaces import Namespaced

pytestmark = [pytest.mark.airflow, pytest.mark.kubernetes]

SAMPLE = yaml.safe_load((Path(__file__).parents[2] / "dev/samples/kubernetes/pod.yaml").read_text("utf-8"))
VOLUME = "connections"


class Pod:
    """The sample in a namespace of this test's own, and the folder that its container sees."""

    def __init__(self, server: kubernetes.Kubernetes, namespace: str, folder: Path) -> None:
        manifest = {**SAMPLE, "metadata": {**SAMPLE["metadata"], "namespace": namespace}}
        (self.manifest,) = objects.apply(server, [manifest])
        self.mount = Mount(folder / "mounted")
        self._server = server

    def refresh(self) -> None:
        """What the kubelet does within a minute or so."""
        project(self._server, self.manifest, VOLUME, self.mount)

    def kwargs(self) -> dict[str, Any]:
        """Its `backend_kwargs`, with the folder that is ours here."""
        (container,) = self.manifest["spec"]["containers"]
        environ = {one["name"]: one["value"] for one in container["env"]}
        kwargs = json.loads(environ["AIRFLOW__SECRETS__BACKEND_KWARGS"])
        assert [(one["name"], one["mountPath"]) for one in container["volumeMounts"]] == [(VOLUME, kwargs["path"])]
        return {**kwargs, "path": str(self.mount.root)}


@pytest.fixture
def synced(kubernetes_server: kubernetes.Kubernetes, kubernetes_namespace: str, tmp_path: Path) -> Namespaced:
    return Namespaced(kubernetes_server, kubernetes_namespace, sample(), Bundled("analytics"), tmp_path).sync()


@pytest.fixture
def pod(synced: Namespaced, tmp_path: Path) -> Pod:
    pod = Pod(synced.server, synced.namespace, tmp_path)
    pod.refresh()
    return pod


@pytest.fixture
def ours(backend: type[Any], pod: Pod) -> Any:
    return backend(**pod.kwargs())


def holding(conn_id: str) -> str:
    """The Secret that holds a connection of `etl-dev`."""
    return secret_name("analytics", "etl-dev", slot(key_of("connection", conn_id), 4))


def test_the_server_takes_the_sample_as_it_stands(pod: Pod) -> None:
    assert pod.manifest["spec"]["volumes"] == SAMPLE["spec"]["volumes"]


def test_the_sample_mounts_each_secret_of_its_deployment_and_no_other(synced: Namespaced, pod: Pod) -> None:
    (volume,) = pod.manifest["spec"]["volumes"]
    listed = synced.server.done("GET", f"/api/v1/namespaces/{synced.namespace}/secrets")["items"]
    names = sorted(one["metadata"]["name"] for one in listed if ".etl-dev." in one["metadata"]["name"])

    assert [source["secret"]["name"] for source in volume["projected"]["sources"]] == names


def test_it_serves_what_is_linked(ours: Any) -> None:
    assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE
    assert json.loads(ours.get_conn_value("Lake/é"))["conn_type"] == "aws"
    assert (ours.get_variable("region"), ours.get_variable("empty")) == ("eu-west-1", "")
    assert ours.get_conn_value("theirs") is None


def test_airflow_asks_it_as_the_pod_is_told(pod: Pod, configured: Callable[..., None]) -> None:
    from airflow.models.connection import Connection

    configured(pod.kwargs())

    found = Connection.get_connection_from_secrets("warehouse")
    assert (found.host, found.password, found.extra_dejson) == (
        WAREHOUSE["host"],
        WAREHOUSE["password"],
        WAREHOUSE["extra"],
    )


def test_only_the_group_that_the_sample_names_reads_the_files(pod: Pod) -> None:
    modes = {oct((pod.mount.root / path.name).stat().st_mode & 0o777) for path in pod.mount.root.glob("[!.]*")}

    assert modes == {"0o440"}


def test_every_secret_has_the_nameplate_and_the_folder_has_one(synced: Namespaced, pod: Pod) -> None:
    folder = f"/api/v1/namespaces/{synced.namespace}/secrets"
    plates = {
        synced.server.done("GET", f"{folder}/{secret_name('analytics', 'etl-dev', number)}")["data"]["nameplate"]
        for number in range(4)
    }

    assert len(plates) == 1
    assert json.loads((pod.mount.root / "nameplate").read_text("utf-8"))["deployment"] == "etl-dev"


def test_a_rotation_is_seen_once_the_kubelet_has_swapped_it(ours: Any, synced: Namespaced, pod: Pod) -> None:
    synced.put(connection("warehouse", password="rotated"))
    assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE
    pod.refresh()

    assert json.loads(ours.get_conn_value("warehouse")) == {"conn_type": "http", "password": "rotated"}


def test_what_was_removed_is_a_miss(ours: Any, synced: Namespaced, pod: Pod) -> None:
    assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE
    synced.drop(Key("connection", "warehouse"))
    pod.refresh()

    assert ours.get_conn_value("warehouse") is None
    assert ours.get_variable("region") == "eu-west-1"


def test_a_pass_without_change_swaps_nothing(synced: Namespaced, pod: Pod) -> None:
    before = (pod.mount.root / "..data").readlink()
    synced.sync()
    pod.refresh()

    assert (pod.mount.root / "..data").readlink() == before


def test_where_a_secret_is_gone_what_is_mounted_stays(ours: Any, synced: Namespaced, pod: Pod) -> None:
    synced.server.done("DELETE", f"/api/v1/namespaces/{synced.namespace}/secrets/{holding('warehouse')}")

    with pytest.raises(Failed, match=f"can't mount secret {synced.namespace}/{holding('warehouse')}: 404"):
        pod.refresh()
    assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE


@pytest.mark.parametrize("secrets", [2, 7])
def test_where_their_number_changes_a_pod_that_lists_both_reads_on(
    backend: type[Any], synced: Namespaced, tmp_path: Path, secrets: int
) -> None:
    pod = Pod(synced.server, synced.namespace, tmp_path)
    kept, listed = min(secrets, 4), max(secrets, 4)
    (volume,) = pod.manifest["spec"]["volumes"]
    volume["projected"]["sources"] = [
        {"secret": {"name": secret_name("analytics", "etl-dev", number), "optional": number >= kept}}
        for number in range(listed)
    ]
    ours = backend(**pod.kwargs())
    for spread in (4, secrets):
        synced.spread(spread)
        pod.refresh()

        assert json.loads(ours.get_conn_value("warehouse")) == WAREHOUSE
        assert (ours.get_variable("region"), ours.get_conn_value("theirs")) == ("eu-west-1", None)


def test_a_pod_that_lists_too_few_of_them_is_told_which_and_never_that_nothing_is_linked(
    backend: type[Any], synced: Namespaced, pod: Pod
) -> None:
    synced.spread(9)
    pod.refresh()
    ours = backend(**pod.kwargs())
    for conn_id in ("warehouse", "Lake/é", "theirs", "nonesuch"):  # of nine, the pod mounts the first four
        holder = slot(key_of("connection", conn_id), 9)
        with pytest.raises(Exception, match=rf"secret analytics\.etl-dev\.{holder}: isn't mounted"):
            ours.get_conn_value(conn_id)


def test_a_pod_before_the_first_sync_is_told_that_nothing_was_synced(backend: type[Any], pod: Pod) -> None:
    pod.mount.swap({})

    with pytest.raises(Exception, match="nameplate"):
        backend(**pod.kwargs()).get_conn_value("warehouse")
