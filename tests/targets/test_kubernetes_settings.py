"""Settings of a Kubernetes target alone: where it writes, and the files that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.core.addresses import normal
from syncd.core.errors import FixError
from syncd.targets import directory, kubernetes, vault
from syncd.targets.kubernetes import Settings, extent

HERE = Path("/etc/syncd")
URL = "https://api.internal:6443"


def where(**settings: Any) -> str:
    return extent(Settings(namespace="etl", **settings), "analytics", HERE)


def kubeconfig(path: Path, *servers: str) -> str:
    """A context for each server, the first one current."""
    config = {
        "clusters": [{"name": f"c{n}", "cluster": {"server": server}} for n, server in enumerate(servers)],
        "contexts": [{"name": f"x{n}", "context": {"cluster": f"c{n}", "user": "u"}} for n in range(len(servers))],
        "current-context": "x0",
    }
    path.write_text(json.dumps(config))
    return str(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (URL, f"{URL}/"),
        (URL, "https://API.Internal:6443"),
        ("https://api.internal", "https://api.internal:443/"),
        ("http://api.internal:80", "http://api.internal"),
        ("https://[FE80::1]:443/k8s/", "https://[fe80::1]/k8s"),
    ],
)
def test_two_spellings_of_one_address_are_one_place(one: str, other: str) -> None:
    assert normal(one) == normal(other)
    assert where(url=one) == where(url=other)


@pytest.mark.parametrize("other", ["http://api.internal:6443", "https://api.internal:6444", f"{URL}/Path"])
def test_another_server_is_another_place(other: str) -> None:
    assert where(url=URL) != where(url=other)


def test_a_kubeconfig_is_the_server_that_its_context_leads_to(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", f"{URL}/", "https://other.internal:6443")
    another = kubeconfig(tmp_path / "another", "https://nobody.internal", "https://API.internal:6443")

    assert where(kubeconfig=config) == where(url=URL) == where(kubeconfig=another, context="x1")
    assert where(kubeconfig=config, context="x1") != where(kubeconfig=config)


def test_where_none_is_named_it_is_what_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kubeconfig(tmp_path / "first", URL)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{first}")

    assert where(context="x0") == where(url=URL)


@pytest.mark.parametrize("text", ["", "[", "a: b", "clusters: 1", "contexts: [{name: x0, context: {}}]", "\0"])
def test_a_kubeconfig_that_nobody_can_read_is_a_place_of_its_own(tmp_path: Path, text: str) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_text(text)

    assert where(kubeconfig=str(tmp_path / "one")) != where(kubeconfig=str(tmp_path / "other"))
    assert where(kubeconfig=str(tmp_path / "one"), context="a") != where(kubeconfig=str(tmp_path / "one"), context="b")


def test_a_tilde_is_whose_home_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings(namespace="etl", url=URL, ca="~/ca.pem", token_path="~/token")
    target = kubernetes.opened("pods", settings, "analytics", HERE, {})
    config = kubeconfig(tmp_path / "config", URL)

    with pytest.raises(FixError, match=f"{tmp_path}/token"):
        target.kubernetes.whoami()
    (tmp_path / "token").write_text("token")
    with pytest.raises(FixError, match=f"{tmp_path}/ca.pem"):
        target.kubernetes.whoami()
    assert settings.credentials(HERE) == (tmp_path / "token",)
    assert where(kubeconfig="~/config") == where(kubeconfig=config) == where(url=URL)
    files = directory.Settings(path="~/shared")
    assert directory.extent(files, "analytics", HERE) == str((tmp_path / "shared/analytics").resolve())
    logged_in = vault.Settings(url="https://vault:8200", token_path="~/vault-token")
    assert logged_in.credentials(HERE) == (tmp_path / "vault-token",)


def test_targets_of_one_login_share_their_connections_as_long_as_they_are_open() -> None:
    def client(namespace: str, **more: Any) -> Any:
        settings = Settings(namespace=namespace, url=URL, **{"token_path": "token", **more})
        return kubernetes.opened("pods", settings, "analytics", HERE, {}).kubernetes

    one = client("etl")
    assert client("bi") is one
    assert client("bi", token_path="another") is not one
    assert client("bi", timeout=5.0) is not one
