"""What the client of Kubernetes promises, on a real API server."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers import kubernetes as servers
from servers.kubernetes import objects
from syncd.clients.kubernetes.credentials import Account
from syncd.clients.kubernetes.kubeconfig import Kubeconfig
from syncd.clients.kubernetes.reading import Reader
from syncd.clients.kubernetes.secret import Secret
from syncd.clients.kubernetes.writing import Kubernetes
from syncd.core.errors import FixError, Reason, SyncError, WaitError
from tests.clients.fake_server import Pass, Request, Said, faulty, in_turn, lost, passes
from tests.clients.quiet import SENTINEL, quiet, raised

pytestmark = pytest.mark.kubernetes

ALL = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]}


@pytest.fixture
def namespace(kubernetes_namespace: str) -> str:
    return kubernetes_namespace


@pytest.fixture
def admin(kubernetes_server: servers.Kubernetes) -> Kubernetes:
    """By its kubeconfig."""
    return Kubernetes(Kubeconfig(kubernetes_server.environ["KUBECONFIG"]))


Enter = Callable[..., Account]


@pytest.fixture
def enter(kubernetes_server: servers.Kubernetes, namespace: str, tmp_path: Path) -> Enter:
    """A service account's way in, with these rules."""

    def made(*rules: dict[str, Any], at: str = "") -> Account:
        name = f"account-{secrets.token_hex(3)}"
        objects.service_account(kubernetes_server, namespace, name)
        objects.grant(kubernetes_server, namespace, name, rules)
        path = tmp_path / name
        path.write_text(objects.token(kubernetes_server, namespace, name))
        return Account(at or kubernetes_server.url, str(kubernetes_server.ca), str(path))

    return made


def secret(name: str, **data: str) -> Secret:
    return Secret("", name, data or {"k": SENTINEL}, {"of": "us"}, {"syncd/mark": '{"revision": 1}'})


# What is there


def test_a_secret_comes_back_as_it_was_sent(admin: Kubernetes, namespace: str) -> None:
    sent = secret("a", plain="x", text="ä€\n", empty="", **{"connections.a-b_c.d": '{"a": 1}'})
    made = admin.create(namespace, sent)
    assert made.says(sent)
    assert admin.secret(namespace, "a") == made == admin.secrets(namespace)[0]
    assert (made.namespace, made.type, made.immutable, made.deleting) == (namespace, "Opaque", False, False)
    assert made.managers == {"syncd"}
    assert made.uid
    assert made.version


def test_a_replacement_leaves_nothing_of_what_was_there(admin: Kubernetes, namespace: str) -> None:
    made = admin.create(namespace, secret("a", one="1", two="2"))
    wanted = replace(made, data={"two": "3"}, labels={"other": "x"}, annotations={})
    replaced = admin.replace(namespace, wanted)
    assert replaced.says(wanted)
    assert replaced.uid == made.uid
    assert replaced.version != made.version
    assert admin.secret(namespace, "a") == replaced


def test_a_replacement_that_changes_nothing_keeps_its_version(admin: Kubernetes, namespace: str) -> None:
    made = admin.create(namespace, secret("a"))
    assert admin.replace(namespace, made).version == made.version


def test_what_is_deleted_is_absent_and_may_be_deleted_again(admin: Kubernetes, namespace: str) -> None:
    made = admin.create(namespace, secret("a"))
    admin.delete(namespace, made)
    admin.delete(namespace, made)
    assert admin.secret(namespace, "a") is None
    assert admin.secrets(namespace) == ()


def test_a_list_is_of_what_its_labels_match_and_in_order(admin: Kubernetes, namespace: str) -> None:
    for name in ("b", "a", "c"):
        admin.create(namespace, secret(name))
    admin.create(namespace, replace(secret("d"), labels={"of": "them"}))
    assert [one.name for one in admin.secrets(namespace, "of=us")] == ["a", "b", "c"]
    assert [one.name for one in admin.secrets(namespace)] == ["a", "b", "c", "d"]


def test_a_list_of_many_pages_is_whole(admin: Kubernetes, namespace: str) -> None:
    names = [f"s-{number:03}" for number in range(150)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: admin.create(namespace, secret(name)), names))
    assert [one.name for one in admin.secrets(namespace, "of=us")] == names


def test_a_foreign_secret_is_read_whatever_it_holds(
    admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str
) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": "a", "finalizers": ["test/wait"], "ownerReferences": [owner]},
        "data": {"bytes": b64encode(b"\xff\x00").decode(), "text": b64encode(b"x").decode()},
        "type": "kubernetes.io/anything",
        "immutable": True,
    }
    objects.apply(
        kubernetes_server,
        [manifest, {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": "b"}}],
    )
    found, empty = admin.secrets(namespace)
    assert (found.data, found.type, found.immutable) == ({"text": "x"}, "kubernetes.io/anything", True)
    assert found.binary.keys() == {"bytes"}
    assert found.managers == {"dev-server"}
    assert (empty.data, empty.labels) == ({}, {})


def test_what_waits_for_somebody_is_said_to_be_going(
    admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    body = {"metadata": {"name": "a", "finalizers": ["test/wait"]}}
    kubernetes_server.done("POST", path, {"apiVersion": "v1", "kind": "Secret", **body})
    found = admin.secret(namespace, "a")
    assert found is not None
    found = admin.replace(namespace, replace(found, data={"k": "v"}))  # whose finalizer stays
    admin.delete(namespace, found)
    going = admin.secret(namespace, "a")
    assert going is not None
    assert going.deleting
    kubernetes_server.done(
        "PATCH", f"{path}/a", {"metadata": {"finalizers": None}}, kind="application/merge-patch+json"
    )
    assert admin.secret(namespace, "a") is None


# Whoever else writes


def test_a_version_that_is_not_the_one_seen_is_a_conflict_and_stays(admin: Kubernetes, namespace: str) -> None:
    seen = admin.create(namespace, secret("a"))
    theirs = admin.replace(namespace, replace(seen, data={"k": "theirs"}))
    for call in (lambda: admin.replace(namespace, seen), lambda: admin.delete(namespace, seen)):
        assert quiet(raised(call)).reason is Reason.CONFLICT
    assert raised(lambda: admin.create(namespace, seen)).reason is Reason.CONFLICT
    assert admin.secret(namespace, "a") == theirs


def test_what_was_made_anew_between_is_a_conflict_and_stays(admin: Kubernetes, namespace: str) -> None:
    seen = admin.create(namespace, secret("a"))
    admin.delete(namespace, seen)
    assert raised(lambda: admin.replace(namespace, seen)).reason is Reason.CONFLICT
    anew = admin.create(namespace, secret("a", k="theirs"))
    for version in (seen.version, anew.version):
        old = replace(seen, version=version)
        assert raised(lambda: admin.replace(namespace, old)).reason is Reason.CONFLICT  # noqa: B023
        assert raised(lambda: admin.delete(namespace, old)).reason is Reason.CONFLICT  # noqa: B023
    assert admin.secret(namespace, "a") == anew


def test_of_eight_that_create_the_same_one_does(admin: Kubernetes, namespace: str) -> None:
    def create(number: int) -> Secret | SyncError:
        try:
            return admin.create(namespace, secret("a", k=str(number)))
        except SyncError as error:
            return error.with_traceback(None)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(create, range(8)))
    assert [one for one in results if isinstance(one, Secret)] == [admin.secret(namespace, "a")]
    assert {one.reason for one in results if isinstance(one, SyncError)} == {Reason.CONFLICT}


@pytest.mark.parametrize("name", ["create", "replace", "delete"])
def test_a_write_whose_answer_is_lost_is_found_done(
    name: str, admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str, enter: Enter
) -> None:
    method = {"create": "POST", "replace": "PUT", "delete": "DELETE"}[name]

    def loses(request: Request, onward: Pass) -> Said:
        return lost(request, onward) if request.method == method and "/secrets" in request.path else onward()

    seen = secret("a") if name == "create" else admin.create(namespace, secret("a"))
    with faulty(loses, behind=kubernetes_server.url, ca=kubernetes_server.ca) as server:
        kubernetes = Kubernetes(enter(ALL, at=server.address))
        wanted = seen if name == "create" else replace(seen, data={"k": "new"})
        result = getattr(kubernetes, name)(namespace, wanted)
    kept = admin.secret(namespace, "a")
    assert kept == result
    assert kept is None or kept.says(wanted)


# What it refuses


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (secret("Upper"), "name"),
        (replace(secret("a"), labels={"!": "x"}), "label"),
        (replace(secret("a"), labels={"x": "y" * 64}), "label"),
        (secret("a", **{"a b": SENTINEL}), "a key"),
        (secret("a", k=SENTINEL + "x" * 2**20), "larger"),
        (secret("a", k=SENTINEL + "x" * 3 * 2**20), "larger"),
        (replace(secret("a"), annotations={"x": SENTINEL + "x" * 2**18}), "annotations"),
    ],
    ids=["name", "label", "long label", "key", "1 MiB", "3 MiB", "annotations"],
)
def test_what_it_can_not_hold_is_told_and_not_shown(
    refused: Secret, words: str, admin: Kubernetes, namespace: str
) -> None:
    error = quiet(raised(lambda: admin.create(namespace, refused)))
    assert (type(error), error.reason) == (FixError, Reason.NOT_HOLDABLE)
    assert words in error.problem
    assert admin.secrets(namespace) == ()


def test_a_type_and_what_is_immutable_stay_as_they_are(admin: Kubernetes, namespace: str) -> None:
    made = admin.create(namespace, secret("a"))
    error = quiet(raised(lambda: admin.replace(namespace, replace(made, type="other"))))
    assert (type(error), error.reason, "type" in error.problem) == (FixError, Reason.REFUSED, True)
    made = admin.replace(namespace, replace(made, immutable=True))
    for changed in (replace(made, data={"k": f"{SENTINEL} too"}), replace(made, immutable=False)):
        error = quiet(raised(lambda: admin.replace(namespace, changed)))  # noqa: B023
        assert (type(error), error.reason, error.problem) == (FixError, Reason.REFUSED, "is immutable")


def test_a_namespace_that_is_not_there_is_told_where_something_is_written(admin: Kubernetes) -> None:
    error = raised(lambda: admin.create("not-there", secret("a")))
    assert (type(error), error.reason, error.subject) == (FixError, Reason.NOT_FOUND, "secret not-there/a")
    assert "namespace" in error.problem


def test_a_namespace_that_is_being_removed_is_waited_for(
    admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str
) -> None:
    kubernetes_server.done("DELETE", f"/api/v1/namespaces/{namespace}")
    error = quiet(raised(lambda: admin.create(namespace, secret("a"))))
    assert (type(error), error.reason) == (WaitError, Reason.REFUSED)
    assert "namespace" in error.problem


def test_a_quota_that_is_used_up_is_waited_for(
    admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str
) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"count/secrets": "0"}}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    made = kubernetes_server.done("POST", path, {"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    used = {**made, "status": {"hard": {"count/secrets": "0"}, "used": {"count/secrets": "0"}}}  # no controller runs
    kubernetes_server.done("PUT", f"{path}/q/status", used)
    error = quiet(raised(lambda: admin.create(namespace, secret("a"))))
    assert (type(error), error.reason) == (WaitError, Reason.REFUSED)
    assert "quota" in error.problem


def test_an_admission_policy_that_denies_is_told_and_not_repeated(
    admin: Kubernetes, kubernetes_server: servers.Kubernetes, namespace: str
) -> None:
    name = f"deny-{namespace}"
    meta = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}
    match = {"resourceRules": [rule], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    echo = "'no: ' + string(object.data['k'])"
    spec = {"matchConstraints": match, "validations": [{"expression": "false", "messageExpression": echo}]}
    bound = {"policyName": name, "validationActions": ["Deny"]}
    objects.apply(
        kubernetes_server,
        [
            {**meta, "kind": "ValidatingAdmissionPolicy", "spec": spec},
            {**meta, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound},
        ],
    )
    made = (admin.create(namespace, secret(f"s-{number}")) for number in count())
    error = quiet(raised(lambda: list(made)))  # the server learns of a policy within a second
    assert (type(error), error.reason) == (FixError, Reason.REFUSED)
    assert "admission policy" in error.problem


# Who we are


def test_who_we_are_is_said(admin: Kubernetes, enter: Enter, namespace: str) -> None:
    assert admin.whoami() == "admin"
    assert Kubernetes(enter(ALL)).whoami().startswith(f"system:serviceaccount:{namespace}:account-")


def test_a_service_account_may_do_what_its_role_says_and_is_told_what_is_missing(enter: Enter, namespace: str) -> None:
    writer = Kubernetes(enter(ALL))
    made = writer.create(namespace, secret("a"))
    assert writer.secrets(namespace) == (made,)
    reader = Reader(enter({**ALL, "verbs": ["get"], "resourceNames": ["a"]}))
    assert reader.secret(namespace, "a") == made
    for call, verb in (
        (lambda: reader.secret(namespace, "b"), "get"),
        (lambda: reader.secrets(namespace), "list"),
        (lambda: reader.secret("default", "a"), "get"),
    ):
        error = quiet(raised(call))
        assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)
        assert f"has to allow `{verb}` on `secrets`" in error.remedy
    idle = Kubernetes(enter({**ALL, "verbs": ["get"]}))
    for write, verb in (
        (lambda: idle.create(namespace, made), "create"),
        (lambda: idle.replace(namespace, made), "update"),
        (lambda: idle.delete(namespace, made), "delete"),
    ):
        assert f"`{verb}`" in quiet(raised(write)).remedy


def test_a_token_that_nobody_issued_is_refused(
    kubernetes_server: servers.Kubernetes, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(SENTINEL)
    account = Account(kubernetes_server.url, str(kubernetes_server.ca), str(tmp_path / "token"))
    for client in (Reader(account), Kubernetes(account)):
        error = quiet(raised(lambda: client.secret(namespace, "a")))  # noqa: B023
        assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)


def test_whoever_shows_no_credentials_is_nobody(
    kubernetes_server: servers.Kubernetes, namespace: str, tmp_path: Path
) -> None:
    kubernetes_server.bearer("").write_kubeconfig(tmp_path / "config")
    error = raised(lambda: Kubernetes(Kubeconfig(str(tmp_path / "config"))).secret(namespace, "a"))
    assert (type(error), error.reason) == (FixError, Reason.ACCESS_DENIED)
    assert "system:anonymous" in error.problem


def test_a_token_that_is_replaced_is_followed_where_it_is_refused(namespace: str, enter: Enter) -> None:
    account = enter(ALL)
    path, reader = Path(account.token_path), Reader(account)
    good = path.read_text()
    path.write_text("no longer good")
    assert raised(lambda: reader.secrets(namespace)).reason is Reason.ACCESS_DENIED
    path.write_text(good)
    assert reader.secrets(namespace) == ()


def test_a_pod_reads_with_what_the_kubelet_gives_it(
    kubernetes_server: servers.Kubernetes, namespace: str, enter: Enter, admin: Kubernetes
) -> None:
    made = admin.create(namespace, secret("a"))
    account = enter(ALL)
    code = (
        "import sys\n"
        "from syncd.clients.kubernetes.credentials import Account\n"
        "from syncd.clients.kubernetes.reading import Reader\n"
        f"found = Reader(Account(ca={account.ca!r}, token_path={account.token_path!r})).secret({namespace!r}, 'a')\n"
        "print(found.uid, 'kubernetes' in sys.modules)"
    )
    host, _, port = kubernetes_server.url.removeprefix("https://").partition(":")
    environ = {**os.environ, "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ)
    assert found.stdout.split() == [made.uid, "False"]


def test_eight_threads_share_one(kubernetes_server: servers.Kubernetes, namespace: str, enter: Enter) -> None:
    with faulty(passes, behind=kubernetes_server.url, ca=kubernetes_server.ca) as server:
        kubernetes = Kubernetes(enter(ALL, at=server.address))

        def once(number: int) -> bool:
            made = kubernetes.create(namespace, secret(f"s-{number}"))
            changed = kubernetes.replace(namespace, replace(made, data={"number": str(number)}))
            return kubernetes.secret(namespace, made.name) == changed

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(once, range(32)))
        assert len(kubernetes.secrets(namespace, "of=us")) == 32
        assert server.connections <= 8


def test_a_server_that_was_away_is_found_again(
    kubernetes_server: servers.Kubernetes, namespace: str, enter: Enter
) -> None:
    fails = in_turn(passes, lambda _, __: Said(503), passes)
    with faulty(fails, behind=kubernetes_server.url, ca=kubernetes_server.ca) as server:
        reader = Reader(enter(ALL, at=server.address))
        assert reader.secrets(namespace) == ()
        assert raised(lambda: reader.secrets(namespace)).reason is Reason.UNAVAILABLE
        assert reader.secrets(namespace) == ()
