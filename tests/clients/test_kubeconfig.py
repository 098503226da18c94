"""What a kubeconfig promises, by whichever release of the package in our range: all that it offers is a way in."""

from __future__ import annotations

import json
import stat
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kubernetes")

from servers.certificates import Authority
from syncd.clients.http.deadlines import Deadlines
from syncd.clients.kubernetes.kubeconfig import Kubeconfig
from syncd.core.errors import FixError, Reason, WaitError
from tests.clients.fake_server import Fault, Pass, Request, Said, faulty, says
from tests.clients.kube import SECRET, TOKEN, asked, client, known, listed, of, somebody, status, told
from tests.clients.quiet import SENTINEL, quiet, raised

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A kubeconfig of one cluster and one user; other contexts by `more`."""

    def made(cluster: dict[str, Any], user: dict[str, Any], name: str = "config", **more: Any) -> Path:
        path = tmp_path / name
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "here",
            **more,
        }
        path.write_text(json.dumps(config))
        return path

    return made


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with `ca.pem`, `server.pem` and `server.key`."""
    authority = Authority.make()
    authority.write(tmp_path / "ca.pem")
    authority.issue(tmp_path / "server.pem", tmp_path / "server.key")
    return tmp_path


def encoded(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()


def sees(path: Path, **settings: Any) -> object:
    return client("", Kubeconfig(str(path)), **settings).secret("etl", "a")


def _stored() -> Fault:
    """An API server with one Secret, or none."""
    held: dict[str, Any] = {}

    def answer(request: Request, _: Pass) -> Said:
        if request.method in ("POST", "PUT"):
            held["it"] = json.loads(request.content)
            held["it"]["metadata"] |= {"uid": "u-1", "resourceVersion": str(len(request.content))}
            return of(201 if request.method == "POST" else 200, held["it"])
        if request.method == "DELETE":
            held.clear()
            return of(200, {"kind": "Status", "status": "Success"})
        if "secrets?" in request.path:
            return of(200, listed(*held.values()))
        return of(200, held["it"]) if held else of(404, status(404, "NotFound"))

    return known(answer)


def test_all_that_a_secret_is_asked_for_goes_through_it(write: Write) -> None:
    with faulty(_stored()) as server:
        kubernetes = client("", Kubeconfig(str(write({"server": server.address}, {"token": TOKEN}))))
        assert kubernetes.whoami()
        made = kubernetes.create("etl", SECRET)
        assert made.says(SECRET)
        replaced = kubernetes.replace("etl", replace(made, data={"other": "value"}))
        assert kubernetes.secrets("etl") == (replaced,)
        assert replaced.data == {"other": "value"}
        kubernetes.delete("etl", made)
        assert kubernetes.secret("etl", "a") is None
        assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}


def test_a_token_may_lie_in_a_file_beside_it(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with faulty(known(says(200, told()))) as server:
        sees(write({"server": server.address}, {"tokenFile": "token"}))
        assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_name_and_a_password_are_shown(write: Write) -> None:
    with faulty(known(says(200, told()))) as server:
        sees(write({"server": server.address}, {"username": "me", "password": SENTINEL}))
        expected = b64encode(f"me:{SENTINEL}".encode()).decode()
        assert server.requests[0].headers["Authorization"] == f"Basic {expected}"


@pytest.mark.parametrize("inline", [True, False], ids=["in it", "beside it"])
def test_an_authority_and_a_certificate_of_ours_are_used(write: Write, certificates: Path, inline: bool) -> None:
    pem, key = certificates / "server.pem", certificates / "server.key"
    cluster = (
        {"certificate-authority-data": encoded(certificates / "ca.pem")}
        if inline
        else {"certificate-authority": "ca.pem"}
    )
    user = (
        {"client-certificate-data": encoded(pem), "client-key-data": encoded(key)}
        if inline
        else {"client-certificate": "server.pem", "client-key": "server.key"}
    )
    with faulty(known(says(200, told())), tls=(pem, key)) as server:
        path = write({"server": server.address, **cluster}, user)
        assert sees(path) is not None
        identity = Kubeconfig(str(path)).identity(Deadlines(5), anew=False)
    assert Path(identity.address.certificate).read_bytes() == pem.read_bytes()
    assert Path(identity.address.key).read_bytes() == key.read_bytes()
    assert stat.S_IMODE(Path(identity.address.key).stat().st_mode) & 0o077 == 0 or not inline


def test_a_server_that_its_authority_does_not_know_gets_nothing(write: Write, certificates: Path) -> None:
    Authority.make().write(certificates / "other.pem")
    tls = (certificates / "server.pem", certificates / "server.key")
    with faulty(known(says(200, told())), tls=tls) as server:
        path = write({"server": server.address, "certificate-authority": "other.pem"}, {"token": TOKEN})
        assert raised(lambda: sees(path)).reason is Reason.UNTRUSTED
        assert server.requests == []


def test_a_server_may_have_another_ones_name_or_none_where_it_says_so(write: Write, certificates: Path) -> None:
    tls = (certificates / "server.pem", certificates / "server.key")
    with faulty(known(says(200, told())), host="127.0.0.2", tls=tls) as server:
        trusted = {"server": server.address, "certificate-authority": "ca.pem"}
        assert raised(lambda: sees(write(trusted, {"token": TOKEN}))).reason is Reason.UNTRUSTED
        assert sees(write({**trusted, "tls-server-name": "localhost"}, {"token": TOKEN})) is not None
        careless = {"server": server.address, "insecure-skip-tls-verify": True}
        assert sees(write(careless, {"token": TOKEN})) is not None


def test_the_context_that_is_named_is_used(write: Write) -> None:
    with faulty(known(says(200, told()))) as server:
        users = [{"name": "u", "user": {"token": "no"}}, {"name": "v", "user": {"token": TOKEN}}]
        contexts = [
            {"name": name, "context": {"cluster": "c", "user": user}} for name, user in (("a", "u"), ("b", "v"))
        ]
        more = {"users": users, "contexts": contexts, "current-context": "a"}
        path = write({"server": server.address}, {}, **more)
        client("", Kubeconfig(str(path), "b")).secret("etl", "a")
        assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
        error = raised(lambda: client("", Kubeconfig(str(path), "c")).secret("etl", "a"))
    assert (type(error), error.subject, error.problem) == (FixError, str(path), "has no context c")


def test_where_none_is_named_it_is_the_environments(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty(known(says(200, told()))) as server:
        path = write({"server": server.address}, {"token": TOKEN})
        monkeypatch.setenv("KUBECONFIG", f"{path}-none:{path}")
        assert client("", Kubeconfig()).secret("etl", "a") is not None


# Plugins


PLUGIN = f"""#!{sys.executable}
import json, pathlib, sys
counted = pathlib.Path(__file__).with_suffix(".count")
count = int(counted.read_text()) + 1 if counted.exists() else 1
counted.write_text(str(count))
status = {{"token": f"{SENTINEL}-{{count}}", **json.loads(sys.argv[1])}}
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}}))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A user whose token it prints, another one each time."""

    def made(code: str = PLUGIN, **said: Any) -> dict[str, Any]:
        path = tmp_path / "plugin"
        path.write_text(code)
        path.chmod(0o755)
        api = "client.authentication.k8s.io/v1"
        return {
            "exec": {"apiVersion": api, "command": str(path), "args": [json.dumps(said)], "interactiveMode": "Never"}
        }

    return made


def _tokens(server: Any) -> list[str]:
    return [request.headers["Authorization"].removeprefix(f"Bearer {SENTINEL}-") for request in asked(server)]


def test_a_plugins_token_is_kept_until_it_is_refused(write: Write, plugin: Callable[..., dict[str, Any]]) -> None:
    refused: set[str] = set()

    def fault(request: Request, _: Pass) -> Said:
        return of(401 if request.headers["Authorization"] in refused else 200, told())

    with faulty(known(fault)) as server:
        kubernetes = client("", Kubeconfig(str(write({"server": server.address}, plugin()))))
        for _ in range(3):
            kubernetes.secret("etl", "a")
        assert _tokens(server) == ["1", "1", "1"]
        refused.add(f"Bearer {SENTINEL}-1")
        assert kubernetes.secret("etl", "a") is not None
        assert _tokens(server)[3:] == ["1", "2"]


def test_a_plugins_token_that_expires_is_renewed_before(write: Write, plugin: Callable[..., dict[str, Any]]) -> None:
    config = Kubeconfig(str(write({"server": "http://nowhere"}, plugin(expirationTimestamp="2020-01-01T00:00:00Z"))))
    shown = [config.identity(Deadlines(5), anew=False).authorization for _ in range(2)]
    assert shown == [f"Bearer {SENTINEL}-1", f"Bearer {SENTINEL}-2"]


def test_a_plugin_that_hangs_ends_at_the_deadline_and_runs_once(
    write: Write, plugin: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    hangs = PLUGIN.replace("status =", "\nwhile not counted.with_suffix('.go').exists(): pass\nstatus =")
    with faulty(known(says(200, told()))) as server:
        config, began = Kubeconfig(str(write({"server": server.address}, plugin(hangs)))), time.monotonic()
        for _ in range(2):
            error = raised(lambda: config.identity(Deadlines(0.3), anew=False))
            assert (type(error), error.reason) == (WaitError, Reason.UNAVAILABLE)
        assert time.monotonic() - began < 5
        (tmp_path / "plugin.go").touch()
        assert client("", config).secret("etl", "a") is not None
        assert _tokens(server) == ["1"]


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho '{}'\n", "#!/bin/sh\necho no JSON\n"])
def test_a_plugin_that_fails_makes_nobody_of_us_and_is_told(
    write: Write, plugin: Callable[..., dict[str, Any]], script: str
) -> None:
    def anonymous(request: Request, _: Pass) -> Said:
        return somebody("me" if "Authorization" in request.headers else "system:anonymous")

    with faulty(anonymous) as server:
        path = write({"server": server.address}, plugin(script))
        error = quiet(raised(lambda: sees(path)))
        assert server.requests == []
    assert (type(error), error.reason, error.subject) == (FixError, Reason.ACCESS_DENIED, str(path))
    assert error.problem == "its plugin gave no credentials"
    assert "`exec`" in error.remedy


def test_a_plugin_that_is_not_there_is_told(write: Write) -> None:
    exec_ = {"exec": {"command": "/nonesuch", "apiVersion": "client.authentication.k8s.io/v1"}}
    error = raised(lambda: sees(write({"server": "http://nowhere"}, exec_)))
    assert (type(error), error.problem) == (FixError, "its plugin gave no credentials")


# What can't be used


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{SENTINEL}",
        f"- {SENTINEL}",
        f"a: [{SENTINEL}",
        "{}",
        f"clusters: {SENTINEL}",
        "\0",
        "clusters: []\nusers: [1]",
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    error = quiet(raised(lambda: sees(path)))
    assert (type(error), error.reason) == (FixError, Reason.INVALID_SETTINGS)
    assert error.subject.startswith(str(path))


def test_a_file_that_is_no_yaml_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    path, fine = tmp_path / "broken", write({"server": "http://nowhere"}, {"token": TOKEN})
    path.write_text(f"clusters: []\nusers:\n- token: {SENTINEL}\n  name: [\n")
    monkeypatch.setenv("KUBECONFIG", f"{fine}:{path}")
    for config in (Kubeconfig(str(path)), Kubeconfig()):
        error = quiet(raised(partial(config.identity, Deadlines(5), anew=False)))
        assert (type(error), error.reason, error.subject) == (FixError, Reason.INVALID_SETTINGS, f"{path}:5")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    error = raised(lambda: sees(tmp_path / "none"))
    assert (type(error), error.subject, error.problem) == (FixError, str(tmp_path / "none"), "isn't there")


@pytest.mark.parametrize("token", ["a\nb", "ä"])
def test_a_token_that_no_header_can_hold_is_told(write: Write, token: str) -> None:
    path = write({"server": "http://nowhere"}, {"token": f"{SENTINEL}{token}"})
    assert quiet(raised(lambda: sees(path))).subject == str(path)


def test_a_proxy_of_the_environment_is_not_used(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with faulty(known(says(200, told()))) as server:
        assert sees(write({"server": server.address}, {"token": TOKEN})) is not None


def test_nothing_shows_a_secret(write: Write) -> None:
    config = Kubeconfig(str(write({"server": "http://nowhere"}, {"token": SENTINEL})))
    assert SENTINEL not in repr([config, config.identity(Deadlines(5), anew=False)])


def test_where_the_package_is_missing_that_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kubernetes", "kubernetes.client", "kubernetes.config"):
        monkeypatch.setitem(sys.modules, name, None)
    error = raised(lambda: sees(write({"server": "http://nowhere"}, {"token": TOKEN})))
    assert (type(error), error.reason) == (FixError, Reason.INVALID_SETTINGS)
    assert "airflow-shared-connections[kubernetes]" in error.remedy
