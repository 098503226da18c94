"""What the client of Kubernetes promises where the other side fails as no real API server can be made to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from servers.processes import free_port
from syncd.clients.http.deadlines import Deadlines
from syncd.clients.kubernetes.credentials import Account, Session
from syncd.clients.kubernetes.reading import Reader
from syncd.clients.kubernetes.secret import Secret, parsed, replacement
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.errors import FixError, Reason, WaitError
from tests.clients.fake_server import Cut, Drip, Fault, FaultyServer, Pass, Request, Said, faulty, in_turn, says
from tests.clients.kube import REVIEWS, SECRET, TOKEN, Shown, asked, client, known, listed, of, somebody, status, told
from tests.clients.quiet import SENTINEL, quiet, raised

SEEN = replace(SECRET, uid="u-1", version="7")
CALLS: dict[str, Callable[[Kubernetes], object]] = {
    "secret": lambda kubernetes: kubernetes.secret("etl", "a"),
    "secrets": lambda kubernetes: kubernetes.secrets("etl", "of=us"),
    "create": lambda kubernetes: kubernetes.create("etl", SECRET),
    "replace": lambda kubernetes: kubernetes.replace("etl", SEEN),
    "delete": lambda kubernetes: kubernetes.delete("etl", SEEN),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
ABSENT = status(404, "NotFound")


# What an answer is taken for


@each_call
@pytest.mark.parametrize("code", [301, 307])
def test_a_redirect_is_an_error_and_nothing_goes_elsewhere(call: Callable[[Kubernetes], object], code: int) -> None:
    with (
        faulty(says(200, told())) as elsewhere,
        faulty(known(says(code, b"", Location=f"{elsewhere.address}/api"))) as here,
    ):
        assert "another address" in str(raised(lambda: call(client(here.address))))
        assert (len(asked(here)), elsewhere.requests) == (1, [])


def _without(key: str) -> dict[str, Any]:
    secret = told()
    del secret["metadata"][key]
    return secret


STRANGE: dict[str, Fault] = {
    "HTML": says(200, b"<html>log in</html>"),
    "an empty object": says(200, {}),
    "a list": says(200, []),
    "JSON that ends early": says(200, json.dumps(told()).encode()[:60]),
    "nothing": says(200),
    "no content": says(204),
    "another kind": says(200, {**told(), "kind": "ConfigMap"}),
    "a Secret without a uid": says(200, _without("uid")),
    "a Secret without a version": says(200, _without("resourceVersion")),
    "another namespace's": says(200, told(replace(SECRET, namespace="other"))),
    "another one": says(200, told(replace(SECRET, name="other"))),
    "data that is none": says(200, {**told(), "data": ["k"]}),
    "data that isn't in base64": says(200, {**told(), "data": {"k": 1}}),
    "a list of something else": says(200, {"kind": "ConfigMapList", "items": []}),
    "a list with a stranger in it": says(200, {"kind": "SecretList", "items": [{"kind": "Pod"}]}),
    "somebody else's 404": says(404, b"<html>no such page</html>"),
    "an empty 404": says(404),
    "a 404 that is an object": says(404, {}),
    "a 404 of another kind": says(404, {"kind": "Status", "reason": "NotFound", "details": {"kind": "namespaces"}}),
    "too deep": says(200, b"[" * 100_000),
}


@each_call
@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_what_no_api_server_says_is_an_error_and_never_absent_or_empty_or_done(
    call: Callable[[Kubernetes], object], strange: Fault
) -> None:
    with faulty(known(strange)) as server:
        quiet(raised(lambda: call(client(server.address))))


def test_what_is_not_there_is_absent() -> None:
    with faulty(known(says(404, ABSENT))) as server:
        kubernetes = client(server.address)
        assert kubernetes.secret("etl", "a") is None
        kubernetes.delete("etl", SEEN)
        error = raised(lambda: kubernetes.replace("etl", SEEN))
    assert (type(error), error.reason) == (WaitError, Reason.CONFLICT)


STATUSES = {
    400: (FixError, Reason.REFUSED),
    401: (FixError, Reason.ACCESS_DENIED),
    403: (FixError, Reason.ACCESS_DENIED),
    405: (FixError, Reason.REFUSED),
    409: (WaitError, Reason.CONFLICT),
    413: (FixError, Reason.NOT_HOLDABLE),
    422: (FixError, Reason.REFUSED),
    429: (WaitError, Reason.UNAVAILABLE),
    500: (WaitError, Reason.UNAVAILABLE),
    502: (WaitError, Reason.UNAVAILABLE),
    503: (WaitError, Reason.UNAVAILABLE),
    504: (WaitError, Reason.UNAVAILABLE),
}


@each_call
@pytest.mark.parametrize("code", STATUSES)
def test_an_error_is_of_its_kind_names_what_it_is_about_and_repeats_nothing(
    call: Callable[[Kubernetes], object], code: int
) -> None:
    def echo(request: Request, _: Pass) -> Said:
        message = " ".join([request.content.decode(), *request.headers.values(), SENTINEL])
        return of(code, status(code, SENTINEL, message, (SENTINEL, SENTINEL), kind=SENTINEL))

    with faulty(known(echo)) as server:
        error = quiet(raised(lambda: call(client(server.address, patience=0))))
    assert (type(error), error.reason) == STATUSES[code]
    assert error.subject in ("secret etl/a", "secrets of etl")


VERBS = {"secret": "get", "secrets": "list", "create": "create", "replace": "update", "delete": "delete"}


@pytest.mark.parametrize("name", VERBS)
def test_who_is_refused_is_told_which_right_is_missing(name: str) -> None:
    with faulty(known(says(403, status(403, "Forbidden", 'User "x" cannot do it')))) as server:
        error = raised(lambda: CALLS[name](client(server.address)))
    assert error.remedy == f"a Role in etl has to allow `{VERBS[name]}` on `secrets`"


SAID = {
    "terminating": (
        status(403, "Forbidden", "x", ("NamespaceTerminating", "metadata.namespace")),
        (WaitError, Reason.REFUSED, "namespace is being removed"),
    ),
    "quota": (status(403, "Forbidden", "exceeded quota: q, requested: 1"), (WaitError, Reason.REFUSED, "quota")),
    "anonymous": (
        status(403, "Forbidden", 'User "system:anonymous" cannot'),
        (FixError, Reason.ACCESS_DENIED, "doesn't know who asks"),
    ),
    "webhook": (
        status(400, "BadRequest", f'admission webhook "w" denied the request: {SENTINEL}'),
        (FixError, Reason.REFUSED, "admission policy"),
    ),
    "policy": (
        status(422, "Invalid", f"ValidatingAdmissionPolicy 'p' with binding 'b' denied request: {SENTINEL}"),
        (FixError, Reason.REFUSED, "admission policy"),
    ),
    "immutable": (
        status(422, "Invalid", "field is immutable when `immutable` is set", ("FieldValueForbidden", "data")),
        (FixError, Reason.REFUSED, "is immutable"),
    ),
    "type": (status(422, "Invalid", "", ("FieldValueInvalid", "type")), (FixError, Reason.REFUSED, "another type")),
    "size": (status(422, "Invalid", "", ("FieldValueTooLong", "data")), (FixError, Reason.NOT_HOLDABLE, "larger")),
    "annotations": (
        status(422, "Invalid", "", ("FieldValueTooLong", "metadata.annotations")),
        (FixError, Reason.NOT_HOLDABLE, "annotations"),
    ),
    "key": (status(422, "Invalid", "", ("FieldValueInvalid", "data[x y]")), (FixError, Reason.NOT_HOLDABLE, "a key")),
    "label": (
        status(422, "Invalid", "", ("FieldValueInvalid", "metadata.labels")),
        (FixError, Reason.NOT_HOLDABLE, "label"),
    ),
    "etcd": (
        status(500, "", "etcdserver: request is too large"),
        (FixError, Reason.NOT_HOLDABLE, "larger"),
    ),
    "webhook away": (
        status(500, "InternalError", 'failed calling webhook "w": timeout'),
        (WaitError, Reason.UNAVAILABLE, "webhook"),
    ),
    "namespace": (
        status(404, "NotFound", "", kind="namespaces"),
        (FixError, Reason.NOT_FOUND, "its namespace isn't there"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), SAID.values(), ids=SAID)
def test_what_an_api_server_refuses_is_told_in_our_words(
    body: dict[str, Any], expected: tuple[type, Reason, str]
) -> None:
    with faulty(known(says(body["code"], body))) as server:
        error = quiet(raised(lambda: client(server.address).create("etl", SECRET)))
    kind, reason, words = expected
    assert (type(error), error.reason) == (kind, reason)
    assert words in error.problem


def test_bytes_that_are_no_text_are_said_again_as_they_are() -> None:
    found = parsed({**told(), "data": {"k": "/////w==", "t": "w6Q=", "empty": ""}}, "etl", "a")
    assert found is not None
    assert found.data == {"t": "ä", "empty": ""}
    assert found.binary == {"k": "/////w=="}
    assert replacement("etl", found)["data"] == {"k": "/////w==", "t": "w6Q=", "empty": ""}
    assert found.size == 6


@pytest.mark.parametrize("data", [None, {}])
def test_a_secret_may_hold_nothing(data: object) -> None:
    assert parsed({**told(), "data": data}, "etl", "a") == replace(SEEN, data={})


def test_nothing_shows_a_secret() -> None:
    with faulty(known(says(200, told()))) as server:
        shown = Shown(server.address)
        kubernetes = client(server.address, shown)
        found = kubernetes.secret("etl", "a")
        assert found is not None
        assert found.data == SECRET.data
        identity = shown.identity(Deadlines(1), anew=False)
        assert SENTINEL not in repr([kubernetes, found, identity, kubernetes._session.held(), SECRET, str(found)])


# Lists


def _named(name: str) -> dict[str, Any]:
    return told(replace(SECRET, name=name))


def test_a_long_list_is_put_together_and_in_order() -> None:
    pages = in_turn(says(200, listed(_named("c"), _named("b"), more="m=1/x")), says(200, listed(_named("a"))))
    with faulty(known(pages)) as server:
        assert [one.name for one in client(server.address).secrets("etl", "of=us,x!=y")] == ["a", "b", "c"]
        first, second = (request.path for request in asked(server))
    assert "labelSelector=of%3Dus%2Cx%21%3Dy" in first
    assert second == f"{first}&continue=m%3D1%2Fx"


def test_a_long_list_whose_moment_is_forgotten_starts_over() -> None:
    gone = says(410, status(410, "Expired"))
    begun = says(200, listed(_named("a"), _named("gone"), more="m"))
    with faulty(known(in_turn(begun, gone, says(200, listed(_named("a")))))) as server:
        assert [one.name for one in client(server.address).secrets("etl")] == ["a"]
        assert len(asked(server)) == 3


def test_a_long_list_that_never_comes_to_its_end_is_an_error_and_never_the_half_of_it() -> None:
    def forgets(request: Request, _: Pass) -> Said:
        if "continue" in request.path:
            return of(410, status(410, "Expired"))
        return of(200, listed(_named("a"), more="m"))

    for fault, most in ((forgets, 6), (says(200, listed(_named("a"), more="m")), 2), (says(200, listed(more="m")), 2)):
        with faulty(known(fault)) as server:
            assert isinstance(raised(lambda: client(server.address).secrets("etl")), WaitError)
            assert len(asked(server)) == most


def test_a_page_without_any_is_not_the_end() -> None:
    pages = in_turn(says(200, listed(more="m")), says(200, listed(more="n")), says(200, listed(_named("a"))))
    with faulty(known(pages)) as server:
        assert [one.name for one in client(server.address).secrets("etl")] == ["a"]


def test_a_list_that_is_refused_from_the_start_is_not_begun_again() -> None:
    with faulty(known(says(410, status(410, "Expired")))) as server:
        raised(lambda: client(server.address).secrets("etl"))
        assert len(asked(server)) == 1


# Time


@pytest.mark.slow
def test_where_fewer_requests_are_asked_for_it_waits_that_long() -> None:
    busy = says(429, status(429, "TooManyRequests"), Retry_After="1")
    with faulty(known(in_turn(busy, says(200, told())))) as server:
        began = time.monotonic()
        assert client(server.address).secret("etl", "a") is not None
        assert 1 <= time.monotonic() - began < 3


@each_call
def test_a_wait_beyond_the_deadline_is_not_begun(call: Callable[[Kubernetes], object]) -> None:
    with faulty(known(says(429, status(429, "TooManyRequests"), Retry_After="3600"))) as server:
        began = time.monotonic()
        error = raised(lambda: call(client(server.address, patience=9999)))
        assert (type(error), error.reason) == (WaitError, Reason.UNAVAILABLE)
        assert time.monotonic() - began < 2
        assert len(asked(server)) == 1


DRIPS = {
    "a body": Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", b" "),
    "headers": Drip(b"HTTP/1.1 200 OK\r\nA: ", b"x"),
    "silence": Drip(b"", b""),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
@each_call
def test_a_server_that_drips_ends_at_the_deadline(call: Callable[[Kubernetes], object], drip: Drip) -> None:
    def fault(_: Request, __: Pass) -> Said:
        raise drip

    with faulty(known(fault)) as server:
        began = time.monotonic()
        assert isinstance(raised(lambda: call(client(server.address, timeout=0.2))), WaitError)
        assert time.monotonic() - began < 2


def test_all_within_has_one_deadline() -> None:
    drip = Drip(b"", b"")

    def fault(_: Request, __: Pass) -> Said:
        raise drip

    with faulty(known(fault)) as server:
        kubernetes, began = client(server.address, timeout=0.3), time.monotonic()
        with kubernetes.within():
            for call in CALLS.values():
                raised(lambda: call(kubernetes))  # noqa: B023
        assert time.monotonic() - began < 2


def test_nobody_there_is_told() -> None:
    assert "refuses the connection" in str(raised(lambda: client(f"http://127.0.0.1:{free_port()}").secret("etl", "a")))


# Who we are


def test_eight_threads_are_introduced_once() -> None:
    with faulty(known(says(200, told()))) as server:
        kubernetes, start = client(server.address), Barrier(8)

        def call(_: int) -> object:
            start.wait()
            return kubernetes.secret("etl", "a")

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(8)))
        assert [request.path for request in server.requests].count(REVIEWS) == 1


@each_call
@pytest.mark.parametrize(
    "answer",
    [
        somebody("system:anonymous"),
        of(403, status(403, "Forbidden", 'User "system:anonymous" cannot create resource "selfsubjectreviews"')),
    ],
    ids=["told", "refused"],
)
def test_whom_the_server_takes_for_nobody_asks_it_nothing(call: Callable[[Kubernetes], object], answer: Said) -> None:
    with faulty(lambda request, _: answer if request.path == REVIEWS else of(200, told())) as server:
        error = raised(lambda: call(client(server.address)))
        assert asked(server) == []
    assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)
    assert "system:anonymous" in error.problem


@pytest.mark.parametrize(
    "answer",
    [of(404, b"404 page not found\n"), of(404, status(404, "NotFound")), of(403, status(403, "Forbidden"))],
    ids=["an older server", "one that says it well", "not allowed"],
)
def test_a_server_that_does_not_say_who_we_are_is_asked_all_the_same(answer: Said) -> None:
    with faulty(lambda request, _: answer if request.path == REVIEWS else of(200, told())) as server:
        kubernetes = client(server.address)
        assert kubernetes.secret("etl", "a") == kubernetes.secret("etl", "a")
        assert (kubernetes.whoami(), len(asked(server))) == ("", 2)


@pytest.mark.parametrize("answer", [of(200, b"<html>"), of(201, {}), of(503)], ids=["HTML", "empty", "away"])
def test_who_we_are_is_asked_again_where_that_failed(answer: Said) -> None:
    reviews = in_turn(lambda _, __: answer, lambda _, __: somebody("me"))
    with faulty(
        lambda request, onward: (reviews if request.path == REVIEWS else says(200, told()))(request, onward)
    ) as server:
        kubernetes = client(server.address)
        assert isinstance(raised(lambda: kubernetes.secret("etl", "a")), WaitError)
        assert kubernetes.secret("etl", "a") is not None


def _refusing(token: str) -> Fault:
    def fault(request: Request, _: Pass) -> Said:
        refused = request.headers["Authorization"] == f"Bearer {token}"
        return of(401, status(401, "Unauthorized")) if refused else of(200, told())

    return fault


def test_a_token_that_is_refused_is_read_again_at_once(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    with faulty(known(_refusing("first"))) as server:
        kubernetes = client(server.address, Account(server.address, token_path=str(path)))
        assert raised(lambda: kubernetes.secret("etl", "a")).reason is Reason.ACCESS_DENIED
        path.write_text("second\n")
        assert kubernetes.secret("etl", "a") is not None


def test_credentials_that_are_refused_for_ever_are_had_anew_once_a_call_and_then_told() -> None:
    with faulty(says(401, status(401, "Unauthorized", SENTINEL))) as server:
        error = quiet(raised(lambda: client(server.address).secret("etl", "a")))
        assert len(server.requests) == 2
    assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)


def test_a_plugin_is_not_started_for_each_call_that_is_refused() -> None:
    with faulty(known(says(401, status(401, "Unauthorized")))) as server:
        shown = Shown(server.address, again=60)
        kubernetes = client(server.address, shown)
        for _ in range(5):
            raised(lambda: kubernetes.secret("etl", "a"))
        assert shown.anew == 1


def test_eight_threads_that_are_refused_get_credentials_once() -> None:
    with faulty(known(_refusing(TOKEN))) as server:
        shown, start = Shown(server.address), Barrier(8)
        kubernetes = client(server.address, shown)

        def call(_: int) -> object:
            start.wait()
            return kubernetes.secret("etl", "a")

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(call, range(8)))
        assert shown.anew == 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_tokens_file_is_looked_at_once_a_minute(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("first")
    session = Session(Account("http://nowhere", token_path=str(path)), Deadlines(5, clock))
    first = session.held()
    path.write_text("second")
    clock.now = 59
    assert session.held() is first
    clock.now = 61
    assert session.held().identity.authorization == "Bearer second"


def test_a_tokens_file_that_is_away_for_a_moment_is_no_reason_to_stop(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("first")
    session = Session(Account("http://nowhere", token_path=str(path)), Deadlines(5, clock))
    first = session.held()
    path.unlink()
    clock.now = 61
    assert session.held() is first


@pytest.mark.parametrize(
    ("host", "url"), [("10.0.0.1", "https://10.0.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443")]
)
def test_a_pod_finds_its_own_api_server(host: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "6443"}
    account = Account(token_path=str(tmp_path / "token"), environ=environ)
    identity = account.identity(Deadlines(1), anew=False)
    assert (identity.address.url, identity.address.ca) == (url, "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    assert identity.authorization == f"Bearer {TOKEN}"


def test_where_this_is_no_pod_that_is_told() -> None:
    error = raised(lambda: Reader(Account(environ={})).secret("etl", "a"))
    assert (type(error), error.reason) == (FixError, Reason.INVALID_SETTINGS)
    assert "isn't a pod" in error.problem


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", f"{SENTINEL}\nx".encode(), f"{SENTINEL}ä".encode()])
def test_a_token_that_can_not_be_used_is_told_by_its_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with faulty(says(200, told())) as server:
        reader = Reader(Account(server.address, token_path=str(path)))
        error = quiet(raised(lambda: reader.secret("etl", "a")))
        assert server.requests == []
    assert (type(error), error.subject) == (FixError, str(path))


def test_no_proxy_and_no_password_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{free_port()}")
    (tmp_path / "token").write_text(TOKEN)
    with faulty(says(200, told())) as server:
        assert Reader(Account(server.address, token_path=str(tmp_path / "token"))).secret("etl", "a") is not None
        assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_worker_reads_with_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import syncd.clients.kubernetes.reading, syncd.clients.kubernetes.writing\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["syncd"]


# Writes


def test_a_replacement_says_which_object_and_version_it_is_for_and_keeps_whose_it_is() -> None:
    owners = [{"kind": "Deployment", "name": "d", "uid": "1"}]
    with faulty(known(says(200, told(ownerReferences=owners, finalizers=["x/y"])))) as server:
        kubernetes = client(server.address)
        found = kubernetes.secret("etl", "a")
        assert found is not None
        kubernetes.replace("etl", replace(found, data={"other": "value"}))
        sent = json.loads(asked(server)[-1].content)
    assert sent["data"] == {"other": "dmFsdWU="}
    assert (sent["metadata"]["uid"], sent["metadata"]["resourceVersion"]) == ("u-1", "7")
    assert (sent["metadata"]["ownerReferences"], sent["metadata"]["finalizers"]) == (owners, ["x/y"])


def test_a_delete_is_of_the_very_object_that_was_seen() -> None:
    with faulty(known(says(200, {"kind": "Status", "status": "Success"}))) as server:
        client(server.address).delete("etl", SEEN)
        assert json.loads(asked(server)[0].content)["preconditions"] == {"uid": "u-1", "resourceVersion": "7"}


def _loses(kept: Said, answer: Callable[[], Said]) -> Fault:
    """The answer to a write; what is there, to who looks then."""
    return known(lambda request, _: kept if request.method == "GET" else answer())


def _cut() -> Said:
    raise Cut


LOST: dict[str, Callable[[], Said]] = {
    "cut": _cut,
    "after a timeout of etcd": lambda: of(500, status(500, "", "etcdserver: request timed out")),
    "a gateway": lambda: of(504, b"<html>"),
    "JSON that ends early": lambda: of(201, b'{"kind": "Sec'),
    "itself, sent twice": lambda: of(409, status(409, "AlreadyExists")),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
@pytest.mark.parametrize("name", ["create", "replace"])
def test_a_write_whose_answer_is_lost_is_done_where_it_shows(name: str, answer: Callable[[], Said]) -> None:
    with faulty(_loses(of(200, told(version="8")), answer)) as server:
        kubernetes = client(server.address)
        found = kubernetes.create("etl", SECRET) if name == "create" else kubernetes.replace("etl", SEEN)
        assert found.version == "8"
        assert _methods(server) == ["POST" if name == "create" else "PUT", "GET"]


def _methods(server: FaultyServer) -> list[str]:
    """One after the other: on a connection that was kept, what ends without an answer is sent once more."""
    return [method for method, _ in groupby(request.method for request in asked(server))]


KEPT = {
    "nothing": of(404, ABSENT),
    "another value": of(200, told(replace(SECRET, data={"k": "other"}), version="8")),
    "one more key": of(200, told(replace(SECRET, data={**SECRET.data, "more": ""}), version="8")),
    "another mark": of(200, told(replace(SECRET, annotations={}), version="8")),
    "one that is going": of(200, told(version="8", deletionTimestamp="2026-01-01T00:00:00Z")),
    "nobody knows": of(503),
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("name", ["create", "replace"])
def test_a_write_whose_answer_is_lost_and_which_does_not_show_is_its_own_error(
    name: str, kept: Said, answer: Callable[[], Said]
) -> None:
    with faulty(_loses(kept, answer)) as server:
        error = quiet(raised(lambda: CALLS[name](client(server.address))))
        assert isinstance(error, WaitError)
        assert _methods(server)[1:] == ["GET"]
    assert (error.reason is Reason.CONFLICT) == (answer is LOST["itself, sent twice"])


def test_a_replacement_of_what_was_made_anew_with_the_same_content_is_a_conflict() -> None:
    with faulty(_loses(of(200, told(uid="u-2")), LOST["itself, sent twice"])) as server:
        assert raised(lambda: client(server.address).replace("etl", SEEN)).reason is Reason.CONFLICT


@pytest.mark.parametrize("lost", ["cut", "a gateway", "after a timeout of etcd"])
def test_a_delete_whose_answer_is_lost_is_done_where_the_object_is_gone_or_going(lost: str) -> None:
    answer = LOST[lost]
    going = told(deletionTimestamp="2026-01-01T00:00:00Z")
    for kept in (of(404, ABSENT), of(200, told(uid="u-2")), of(200, going)):
        with faulty(_loses(kept, answer)) as server:
            client(server.address).delete("etl", SEEN)
    for kept in (of(200, told()), of(503)):
        with faulty(_loses(kept, answer)) as server:
            assert raised(lambda: client(server.address).delete("etl", SEEN)).reason is Reason.UNAVAILABLE


def test_a_delete_of_another_version_is_a_conflict_and_nothing_is_looked_at() -> None:
    with faulty(known(says(409, status(409, "Conflict")))) as server:
        assert raised(lambda: client(server.address).delete("etl", SEEN)).reason is Reason.CONFLICT
        assert len(asked(server)) == 1


def test_a_secret_that_was_read_may_be_made_again() -> None:
    with faulty(known(says(201, told()))) as server:
        assert client(server.address).create("etl", SEEN).version == "7"
        assert "uid" not in json.loads(asked(server)[0].content)["metadata"]


def test_names_go_into_a_path_as_they_are() -> None:
    with faulty(known(says(404, ABSENT))) as server:
        client(server.address).secret("etl/../x", "a?b")
        assert asked(server)[0].path == "/api/v1/namespaces/etl%2F..%2Fx/secrets/a%3Fb"


def test_a_base_path_of_the_address_is_kept() -> None:
    with faulty(lambda request, _: somebody() if REVIEWS in request.path else of(404, ABSENT)) as server:
        client(f"{server.address}/k8s/clusters/c-1").secret("etl", "a")
        assert server.requests[-1].path == "/k8s/clusters/c-1/api/v1/namespaces/etl/secrets/a"


def test_secrets_of_the_same_content_say_the_same() -> None:
    assert SEEN.says(SECRET)
    assert not SEEN.says(replace(SECRET, immutable=True))
    assert not SEEN.says(Secret("etl", "a"))


@pytest.mark.parametrize(("content", "problem"), [(None, "isn't there"), (SENTINEL, "holds no certificate in PEM")])
def test_an_authoritys_file_that_can_not_be_used_is_told(tmp_path: Path, content: str | None, problem: str) -> None:
    token, ca = tmp_path / "token", tmp_path / "ca.pem"
    token.write_text(TOKEN)
    if content is not None:
        ca.write_text(content)
    reader = Reader(Account("https://127.0.0.1:1", str(ca), str(token)))
    error = quiet(raised(lambda: reader.secret("etl", "a")))
    assert (type(error), error.subject, error.problem) == (FixError, str(ca), problem)
    assert "API server" in error.remedy
