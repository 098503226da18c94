"""What `syncd policies` prints, granted in a real Vault: enough for each, and not more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from servers import vault as servers
from syncd.core.errors import Reason, SyncError
from syncd.core.layouts.airflow import AirflowPaths
from syncd.core.layouts.layered import Layered
from syncd.core.model import Item, Workspace
from syncd.targets.vault import grants
from syncd.targets.vault.grants import Extent
from tests.targets.memory_record import MemoryRecord
from tests.targets.passes import BOTH_KINDS, CHANGED, NOTHING, goal, push, reasons, workspace
from tests.targets.trials import VaultTrial, vault

pytestmark = pytest.mark.vault

DEPLOYMENTS = ("etl", "etl-prod", "etl-prod-2")
"""Names that begin with one another."""

LAYOUTS: dict[str, type[Layered | AirflowPaths]] = {"layered": Layered, "airflow": AirflowPaths}
SYNCED = workspace(*BOTH_KINDS.definitions.values(), deployments=DEPLOYMENTS)


@dataclass(frozen=True)
class Logins:
    """A Vault with documents of three deployments, and what a login of each can do there."""

    trial: VaultTrial
    tokens: Mapping[str, Any]

    def status(self, deployment: str, method: str, path: str, body: Any = None) -> int:
        token = self.tokens[deployment]["client_token"]
        return servers.Vault(self.trial.server.address, token).call(method, f"{self.trial.mount}/{path}", body).status

    def documents(self, deployment: str) -> list[str]:
        below = f"analytics/deployments/{deployment}/"
        return [path for path in self.trial.held() if path.startswith(below)]


@pytest.fixture(scope="module")
def approle(vault_server: servers.Vault) -> str:
    """The accessor of AppRole, where it is enabled."""
    vault_server.call("POST", "sys/auth/approle", {"type": "approle"})
    return str(vault_server.call("GET", "sys/auth").body["approle/"]["accessor"])


def exact(trial: VaultTrial, approle: str) -> Mapping[str, Any]:
    """A login by each role that is printed, as it is printed."""
    found = grants.grants(Extent("vault", trial.mount, "analytics"), DEPLOYMENTS, "approle")
    for grant in found:
        trial.done("PUT", f"sys/policies/acl/{grant.name}", {"policy": grant.rules})
    tokens = {}
    for deployment, grant in zip(sorted(DEPLOYMENTS), found, strict=False):
        path, *settings = grant.role.split(" ")
        trial.done("POST", path, dict(one.split("=", 1) for one in settings))
        tokens[deployment] = logged_in(trial, path)
    return tokens


def templated(trial: VaultTrial, approle: str) -> Mapping[str, Any]:
    """One policy for all: who logs in says by its entity which deployment it is."""
    grant, _ = grants.templated(Extent("vault", trial.mount, "analytics"))
    trial.done("PUT", f"sys/policies/acl/{trial.mount}-templated", {"policy": grant.rules})
    tokens = {}
    for deployment in DEPLOYMENTS:
        path = f"auth/approle/role/{trial.mount}-{deployment}"
        trial.done("POST", path, {"token_type": "batch", "token_policies": f"{trial.mount}-templated"})
        trial.done("POST", f"{path}/role-id", {"role_id": f"{trial.mount}-{deployment}"})
        entity = {"name": f"{trial.mount}-{deployment}", "metadata": {"syncd_deployment": deployment}}
        made = trial.done("POST", "identity/entity", entity)["data"]["id"]
        alias = {"name": entity["name"], "canonical_id": made, "mount_accessor": approle}
        trial.done("POST", "identity/entity-alias", alias)
        tokens[deployment] = logged_in(trial, path)
    return tokens


def logged_in(trial: VaultTrial, role: str) -> Any:
    login = {
        "role_id": trial.done("GET", f"{role}/role-id")["data"]["role_id"],
        "secret_id": trial.done("POST", f"{role}/secret-id", {})["data"]["secret_id"],
    }
    return trial.done("POST", "auth/approle/login", login)["auth"]


@pytest.fixture(scope="module", params=[exact, templated], ids=lambda way: way.__name__)
def logins(request: pytest.FixtureRequest, vault_server: servers.Vault, approle: str) -> Logins:
    trial = vault(Layered("analytics"), vault_server)
    assert not [outcome for outcome in push(SYNCED, trial.target) if outcome.error]
    return Logins(trial, request.param(trial, approle))


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_deployment_reads_all_that_is_its_own(logins: Logins, deployment: str) -> None:
    documents = logins.documents(deployment)

    assert len(documents) == len(BOTH_KINDS.definitions) + 1
    assert {logins.status(deployment, "GET", f"data/{path}") for path in documents} == {200}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_what_is_not_linked_is_not_there_rather_than_refused(logins: Logins, deployment: str) -> None:
    for path in ("connections/nonesuch", "variables/nonesuch"):
        assert logins.status(deployment, "GET", f"data/analytics/deployments/{deployment}/{path}") == 404


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_deployment_lists_what_is_its_own(logins: Logins, deployment: str) -> None:
    assert logins.status(deployment, "LIST", f"metadata/analytics/deployments/{deployment}/connections") == 200


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_what_is_anothers_is_refused(logins: Logins, deployment: str) -> None:
    for other in {*DEPLOYMENTS, "nonesuch"} - {deployment}:
        below = f"analytics/deployments/{other}"
        asked = [
            *(("GET", f"data/{path}") for path in logins.documents(other)),
            ("GET", f"data/{below}/nameplate"),
            ("GET", f"data/{below}/connections/warehouse?version=1"),
            ("GET", f"metadata/{below}/connections/warehouse"),
            ("GET", f"subkeys/{below}/connections/warehouse"),
            ("LIST", f"metadata/{below}"),
            ("LIST", f"metadata/{below}/connections"),
        ]
        assert {logins.status(deployment, *one) for one in asked} == {403}


ELSEWHERE = [
    ("LIST", "metadata"),
    ("LIST", "metadata/analytics"),
    ("LIST", "metadata/analytics/deployments"),
    ("GET", "data/analytics"),
    ("GET", "data/other/deployments/etl/connections/warehouse"),
    ("GET", "config"),
]
"""What is nobody's own."""


@pytest.mark.parametrize(("method", "path"), ELSEWHERE)
def test_what_is_nobodys_is_refused(logins: Logins, method: str, path: str) -> None:
    assert logins.status("etl", method, path) == 403


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "data/{at}", {"data": {"conn_type": "mine"}}),
    ("DELETE", "data/{at}", None),
    ("POST", "data/{at}-new", {"data": {}}),
    ("POST", "delete/{at}", {"versions": [1]}),
    ("POST", "undelete/{at}", {"versions": [1]}),
    ("POST", "destroy/{at}", {"versions": [1]}),
    ("GET", "metadata/{at}", None),
    ("POST", "metadata/{at}", {"max_versions": 10}),
    ("DELETE", "metadata/{at}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=[f"{method} {path}" for method, path, _ in CHANGES])
def test_a_deployment_changes_nothing_not_even_its_own(logins: Logins, method: str, path: str, body: Any) -> None:
    at = "analytics/deployments/etl-prod/connections/warehouse"

    assert logins.status("etl-prod", method, path.format(at=at), body) == 403


def test_its_tokens_cost_vault_no_storage(logins: Logins) -> None:
    assert {one["token_type"] for one in logins.tokens.values()} == {"batch"}


# syncd's own


def life(trial: VaultTrial) -> Iterator[Callable[[], Any]]:
    """Everything that a target goes through: created, changed, removed, created again, adopted, and all of it gone."""
    target, record = trial.target, MemoryRecord(trial.target.layout)

    def passed(of: Workspace, revision: int) -> Callable[[], Any]:
        return lambda: push(workspace(*of.definitions.values(), revision=revision), target, record)

    yield passed(BOTH_KINDS, 1)
    yield passed(CHANGED, 2)
    yield passed(BOTH_KINDS, 3)
    theirs = target.layout.home(Item("etl-dev", "variable", "new")).object
    trial.done("DELETE", f"{trial.mount}/metadata/{theirs}")
    record.adoptions[theirs] = str(trial.edit(theirs, {"somebody": "else"}))
    yield passed(CHANGED, 4)
    yield lambda: push(replace(NOTHING, revision=5), target, record)


def lives(trial: VaultTrial, rules: str) -> bool:
    """With these rules."""
    trial.done("PUT", f"sys/policies/acl/{trial.mount}", {"policy": rules})
    for step in life(trial):
        try:
            if set(reasons(step()).values()) - {Reason.NOT_HOLDABLE}:
                return False
        except SyncError:
            return False
    return True


def fresh(server: servers.Vault, layout: str) -> tuple[VaultTrial, str]:
    """A mount of its own, and what is printed for syncd itself there."""
    trial = vault(LAYOUTS[layout]("analytics"), server)
    *_, own = grants.grants(Extent("vault", trial.mount, "analytics", layout), ("etl-dev", "etl-prod"), "approle")
    return trial, own.rules


def with_one_less(rules: str) -> Iterator[tuple[str, str]]:
    """Each capability that is granted, and the rules without it."""
    for one in re.finditer(r'"(\w+)"(, )?(?=[^\[]*\])', rules):
        path = re.findall(r'path "[^/]+/(\w+)', rules[: one.start()])[-1]
        yield f"{path}: {one[1]}", re.sub(r", \]", "]", rules[: one.start()] + rules[one.end() :])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_printed_for_syncd_is_enough_for_a_whole_life(vault_server: servers.Vault, layout: str) -> None:
    trial, rules = fresh(vault_server, layout)

    assert lives(trial, rules)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_that_is_printed_for_syncd_is_unneeded(vault_server: servers.Vault, layout: str) -> None:
    unneeded = []
    _, printed = fresh(vault_server, layout)
    for number, (capability, _) in enumerate(with_one_less(printed)):
        trial, rules = fresh(vault_server, layout)
        less = [text for _, text in with_one_less(rules)][number]
        if lives(trial, less):
            unneeded.append(capability)

    assert unneeded == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_syncd_may_do_nothing_elsewhere(vault_server: servers.Vault, layout: str) -> None:
    trial, rules = fresh(vault_server, layout)
    trial.done("PUT", f"sys/policies/acl/{trial.mount}", {"policy": rules})
    trial.edit("kv/team/db", {"password": "x"})
    as_syncd = servers.Vault(vault_server.address, trial.token)

    for method, path in (
        ("GET", f"{trial.mount}/data/kv/team/db"),
        ("POST", f"{trial.mount}/data/kv/team/db"),
        ("GET", f"{trial.mount}/data/other/deployments/etl-dev/nameplate"),
        ("LIST", f"{trial.mount}/metadata"),
        ("GET", f"sys/policies/acl/{trial.mount}"),
        ("PUT", f"sys/policies/acl/{trial.mount}"),
    ):
        assert as_syncd.call(method, path, {"data": {}} if method != "GET" else None).status == 403, path


def test_every_document_of_a_pass_lies_where_its_reader_may_read(vault_server: servers.Vault) -> None:
    for layout in (Layered("analytics"), AirflowPaths("analytics")):
        for place in goal(SYNCED, layout):
            deployment = layout.deployment(place)
            grant = grants.grants(Extent("vault", "m", "analytics"), [deployment], "approle")[0]
            assert place.object.startswith(re.findall(r"m/data/(.*)\*", grant.rules)[0])


def test_no_two_deployments_prefixes_or_targets_share_a_policy() -> None:
    wholes = [
        ("vault", "a", "b-c"),
        ("vault", "a-b", "c"),
        ("vault-a", "b", "c"),
        ("vault", "a", "b"),
        ("other", "a", "b"),
    ]
    names = [
        grant.name
        for target, prefix, deployment in wholes
        for found in (
            grants.grants(Extent(target, "m", prefix), [deployment], "approle")[:1],
            grants.templated(Extent(target, "m", prefix))[:1],
        )
        for grant in found
    ]
    assert len({*names}) == len(wholes) + len({whole[:2] for whole in wholes})
