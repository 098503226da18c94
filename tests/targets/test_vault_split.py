"""`split` on a real Vault, with real tokens: what one write rotates, who may read it, what readers see meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from servers import vault as servers
from syncd.clients.vault.login import Credential, Login
from syncd.clients.vault.reading import Reader
from syncd.clients.vault.transport import Server
from syncd.clients.vault.writing import Vault
from syncd.core.documents import SHARED, Mark, Place
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.layouts.layered import Layered
from syncd.core.layouts.lookup import Address, Get, lookup, read
from syncd.core.layouts.split import Split
from syncd.core.merge import merge
from syncd.core.model import Item, Scope
from syncd.core.ports import Standing
from syncd.core.resolve import resolve
from syncd.sources.answers import Times
from syncd.sources.vault import VaultSource
from syncd.targets.vault import grants
from syncd.targets.vault.grants import Extent
from syncd.targets.vault.policies import rules
from tests.core.splitting import DEPLOYMENTS, ITEMS, World, shown
from tests.targets.memory_record import MemoryRecord
from tests.targets.trials import VaultTrial, vault

pytestmark = pytest.mark.vault

WRITTEN, PRINTED = True, False
PART = "analytics/environments/prod/connections/warehouse"
LINK = "analytics/deployments/{}/connections/warehouse"
ONE = {"conn_type": "http", "password": "first"}
TWO = {"conn_type": "http", "password": "second"}


def world(server: servers.Vault, *, writes_policies: bool, random: Random | None = None) -> tuple[World, VaultTrial]:
    """Nothing in it yet."""
    trial = vault(Split("analytics", writes_policies), server)
    return World(random or Random(1), writes_policies, trial.target), trial  # noqa: S311  no secret comes from it


def granted(one: World, trial: VaultTrial) -> Mapping[str, str]:
    """A token for each deployment and for syncd, each with what `syncd policies` prints now."""
    extent = Extent("files", trial.mount, "analytics", Split.name, one.writes_policies)
    shares = one.layout.shares(resolve(one.workspace, Scope("files")))
    found = grants.grants(extent, DEPLOYMENTS, "approle", shares)
    for grant in found:
        trial.done("PUT", f"sys/policies/acl/{grant.name}", {"policy": grant.rules})
    tokens = {}
    for grant in found:
        policies = [part for part in grant.role.split(" ") if part.startswith("token_policies=")]
        name = "syncd" if grant is found[-1] else grant.name.split("_")[3]
        if policies or name == "syncd":
            named = policies[0].partition("=")[2].split(",") if policies else [grant.name]
            body = {"policies": named, "no_default_policy": True}
            tokens[name] = trial.done("POST", "auth/token/create-orphan", body)["auth"]["client_token"]
    return tokens


def source(trial: VaultTrial, token: str, cache_ttl: float = 0) -> VaultSource:
    """As a worker reads, with nothing kept."""
    server, login = Server(trial.server.address, timeout=5), Login("token", Credential(token))
    return VaultSource(Reader(server, login, trial.mount), Times(cache_ttl, max_stale=0))


def find(reader: VaultSource, item: Item) -> str | None:
    found = lookup(reader.get, Address("analytics", item.deployment, "analytics"), item.kind, item.id)
    return None if found is None else shown(merge(read(found, "x").layers).fields)


def content(trial: VaultTrial, path: str) -> Any:
    return trial.done("GET", f"{trial.mount}/data/{path}")["data"]["data"]


def failed(one: World) -> list[SyncError]:
    return [outcome.error for outcome in one.sync() if outcome.error]


@pytest.mark.parametrize("writes_policies", [WRITTEN, PRINTED])
def test_what_two_share_lies_once_and_rotates_with_one_write(
    vault_server: servers.Vault, writes_policies: bool
) -> None:
    one, trial = world(vault_server, writes_policies=writes_policies)
    one.define(ONE, d1={}, d2={"login": "etl"})
    assert failed(one) == []
    tokens = granted(one, trial)
    assert failed(one) == []
    before = {path: trial.metadata(path)["current_version"] for path in trial.held()}
    one.define(TWO, d1={}, d2={"login": "etl"})
    assert failed(one) == []
    after = {path: trial.metadata(path)["current_version"] for path in trial.held()}
    assert {path for path in after if after[path] != before[path]} == {PART}
    assert [find(source(trial, tokens[item.deployment]), item) for item in ITEMS] == [
        shown(TWO),
        shown({**TWO, "login": "etl"}),
    ]
    assert one.prepared().plan.changes == ()


@pytest.mark.parametrize("writes_policies", [WRITTEN, PRINTED])
def test_what_is_printed_is_enough_for_syncd_and_for_each_deployment_and_no_more(
    vault_server: servers.Vault, writes_policies: bool
) -> None:
    one, trial = world(vault_server, writes_policies=writes_policies)
    one.define(ONE, d1={}, d2={"password": "own"})
    tokens = granted(one, trial)
    one.target = replace(trial.target, vault=as_syncd(trial, tokens["syncd"]))
    assert failed(one) == []
    assert failed(one) == []
    assert SHARED in content(trial, LINK.format("d1"))

    def status(name: str, path: str) -> int:
        return servers.Vault(trial.server.address, tokens[name]).call("GET", f"{trial.mount}/data/{path}").status

    assert [status("d1", path) for path in (PART, LINK.format("d1"), LINK.format("d2"))] == [200, 200, 403]
    assert [status("d2", path) for path in (PART, LINK.format("d2"), LINK.format("d1"))] == [403, 200, 403]


def as_syncd(trial: VaultTrial, token: str) -> Vault:
    return Vault(Server(trial.server.address, timeout=5), Login("token", Credential(token)), trial.mount)


class Readers:
    """Each in a thread of its own, until told to stop: with nothing kept, with a cache, and slowly."""

    def __init__(self, trial: VaultTrial, tokens: Mapping[str, str]) -> None:
        self.found: list[tuple[Item, str | None]] = []
        self.odd: list[BaseException] = []
        self._done, self._changed = threading.Event(), threading.Event()
        self._threads = []
        for item in ITEMS:
            fresh, cached, late = (source(trial, tokens[item.deployment], cache_ttl=ttl) for ttl in (0, 0.02, 0))
            for get in (fresh.get, cached.get, self._slow(late)):
                self._threads.append(threading.Thread(target=self._loop, args=(item, get)))

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def change(self) -> None:
        """Let go on whoever waits between two requests."""
        self._changed.set()
        self._changed.clear()

    def _slow(self, reader: VaultSource) -> Get:
        def get(place: Place, after: Place | None = None) -> Any:
            self._changed.wait(0.05)
            return reader.get(place, after)

        return get

    def _loop(self, item: Item, get: Get) -> None:
        address = Address("analytics", item.deployment, "analytics")
        try:
            while not self._done.is_set():
                with suppress(SyncError):
                    envelopes = lookup(get, address, item.kind, item.id)
                    fields = None if envelopes is None else merge(read(envelopes, "x").layers).fields
                    self.found.append((item, None if fields is None else shown(fields)))
        except BaseException as error:  # noqa: BLE001  the test looks at it
            self.odd.append(error)


def test_a_reader_that_loops_through_all_changes_sees_only_what_was_in_effect_or_an_error(
    vault_server: servers.Vault,
) -> None:
    one, trial = world(vault_server, writes_policies=WRITTEN, random=Random(7))  # noqa: S311  no secret comes from it
    with Readers(trial, granted(one, trial)) as readers:
        for _ in range(60):
            one.change()
            readers.change()
            one.sync()
    ever = {item: {value for _, each, value in one.had if each == item} for item in ITEMS}
    assert readers.odd == []
    assert {value for item, value in readers.found if value not in ever[item] | {None}} == set()
    assert len({value for _, value in readers.found}) > 20


def test_a_deployment_that_goes_leaves_no_policy(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=WRITTEN)
    one.define(ONE, d1={}, d2={})
    one.sync()
    name = "airflow_files_analytics_d2_shared"
    assert PART in trial.done("GET", f"sys/policies/acl/{name}")["data"]["policy"]
    one.workspace = replace(
        one.workspace, deployments={"d1": one.workspace.deployments["d1"]}, revision=one.workspace.revision + 1
    )
    assert failed(one) == []
    assert trial.server.call("GET", f"sys/policies/acl/{name}").status == 404


def test_what_somebody_elses_policy_grants_is_not_known_and_nothing_is_shared(
    vault_server: servers.Vault,
) -> None:
    one, trial = world(vault_server, writes_policies=WRITTEN)
    theirs = 'path "x/*" { capabilities = ["read"] }'
    trial.done("PUT", "sys/policies/acl/airflow_files_analytics_d2_shared", {"policy": theirs})
    one.define(ONE, d1={}, d2={})
    assert one.prepared().warnings == (
        "the policy of d2 isn't as `syncd policies` prints it: what it grants isn't known",
    )
    assert failed(one) == []
    text = trial.done("GET", "sys/policies/acl/airflow_files_analytics_d2_shared")["data"]["policy"]
    assert text == theirs
    assert json.loads(find(source(trial, granted(one, trial)["d2"]), ITEMS[1]) or "") == ONE


WIDER = [
    'path "{mount}/data/analytics/*" {{ capabilities = ["read"] }}',
    'path "{mount}/data/+/environments/prod/connections/warehouse" {{ capabilities = ["read"] }}',
    'path "/{mount}/data/analytics/deployments/d1/connections/warehouse" {{ capabilities = ["read"] }}',
    'path "{mount}/data/analytics/environments/prod/connections/warehouse" {{ capabilities = ["read", "update"] }}',
]


@pytest.mark.parametrize("more", WIDER)
def test_a_policy_of_ours_that_somebody_widened_is_repaired_before_anything_is_rotated(
    vault_server: servers.Vault, more: str
) -> None:
    one, trial = world(vault_server, writes_policies=WRITTEN)
    one.define(ONE, d1={}, d2={})
    one.sync()
    path = "sys/policies/acl/airflow_files_analytics_d2_shared"
    text = trial.done("GET", path)["data"]["policy"]
    trial.done("PUT", path, {"policy": text + more.format(mount=trial.mount)})
    assert failed(one) == []
    assert trial.done("GET", path)["data"]["policy"] == text


@pytest.mark.parametrize("more", WIDER)
def test_under_a_printed_policy_that_somebody_widened_nothing_is_rotated_but_taken_away(
    vault_server: servers.Vault, more: str
) -> None:
    one, trial = world(vault_server, writes_policies=PRINTED)
    one.define(ONE, d1={}, d2={})
    one.sync()
    token = granted(one, trial)["d2"]
    one.sync()
    path = "sys/policies/acl/airflow_files_analytics_d2_shared"
    text = trial.done("GET", path)["data"]["policy"]
    trial.done("PUT", path, {"policy": text + more.format(mount=trial.mount)})
    one.define(TWO, d1={}, d2={"password": "own"})
    assert failed(one) == []
    answer = servers.Vault(trial.server.address, token).call("GET", f"{trial.mount}/data/{PART}")
    assert "second" not in json.dumps(answer.body)


def test_a_policy_that_terraform_indented_is_as_it_was_printed(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=PRINTED)
    one.define(ONE, d1={}, d2={})
    one.sync()
    granted(one, trial)
    for name in DEPLOYMENTS:
        path = f"sys/policies/acl/airflow_files_analytics_{name}_shared"
        text = trial.done("GET", path)["data"]["policy"]
        indented = "# by Terraform\n" + "\n".join(f"    {line}" for line in text.splitlines()[1:])
        trial.done("PUT", path, {"policy": indented})
    assert failed(one) == []
    assert SHARED in content(trial, LINK.format("d1"))


def test_a_pass_over_what_changed_looks_at_the_policies_that_others_write(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=PRINTED)
    one.define(ONE, d1={}, d2={"password": "own"})
    one.sync()
    granted(one, trial)
    one.sync()
    assert SHARED in content(trial, LINK.format("d1"))
    wider = rules(trial.mount, [Place(PART)], Mark("", "", "", 0))
    trial.done("PUT", "sys/policies/acl/airflow_files_analytics_d2_shared", {"policy": wider})
    one.define(TWO, d1={}, d2={"password": "own"})
    one.sync(items=frozenset(ITEMS))
    assert content(trial, PART) == {"format": 1, "mark": content(trial, PART)["mark"], "removed": True}


def test_a_policy_that_somebody_changed_is_repaired(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=WRITTEN)
    one.define(ONE, d1={}, d2={})
    one.sync()
    path = "sys/policies/acl/airflow_files_analytics_d2_shared"
    text = trial.done("GET", path)["data"]["policy"]
    trial.done("PUT", path, {"policy": text.splitlines()[0]})
    assert failed(one) == []
    assert PART in trial.done("GET", path)["data"]["policy"]


def test_where_syncd_may_not_list_policies_it_says_so_and_changes_nothing(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=PRINTED)
    one.define(ONE, d1={}, d2={})
    one.sync()
    granted(one, trial)
    rules = "".join(
        f'path "{trial.mount}/{part}/*" {{ capabilities = ["create", "read", "update", "list"] }}\n'
        for part in ("data", "metadata")
    )
    trial.done("PUT", f"sys/policies/acl/{trial.mount}-blind", {"policy": rules})
    body = {"policies": [f"{trial.mount}-blind"]}
    token = trial.done("POST", "auth/token/create-orphan", body)["auth"]["client_token"]
    one.target = replace(trial.target, vault=as_syncd(trial, token))
    before = trial.held()
    with pytest.raises(FixError, match="the list of policies") as caught:
        one.sync()
    assert caught.value.reason is Reason.ACCESS_DENIED
    assert trial.held() == before


def test_a_policy_that_could_not_be_read_keeps_links_complete_and_says_so(vault_server: servers.Vault) -> None:
    one, trial = world(vault_server, writes_policies=PRINTED)
    one.define(ONE, d1={}, d2={})
    one.sync()
    granted(one, trial)
    policy = "sys/policies/acl/airflow_files_analytics_d2_shared"
    own = trial.done("GET", f"sys/policies/acl/{trial.mount}")["data"]["policy"]
    trial.done(
        "PUT", f"sys/policies/acl/{trial.mount}", {"policy": f'{own} path "{policy}" {{ capabilities = ["deny"] }}'}
    )
    (error,) = failed(one)
    assert (error.reason, error.subject) == (Reason.ACCESS_DENIED, "policy airflow_files_analytics_d2_shared")
    assert [SHARED in content(trial, LINK.format(name)) for name in DEPLOYMENTS] == [False, False]


def test_what_lay_there_as_layered_becomes_split_and_back_without_a_moment_of_nothing(
    vault_server: servers.Vault,
) -> None:
    trial = vault(Layered("analytics"), vault_server)
    layouts = (Layered("analytics"), Split("analytics", writes_policies=True), Layered("analytics"))
    one = World(Random(1), WRITTEN, trial.target)  # noqa: S311  no secret comes from it
    one.define(ONE, d1={}, d2={})
    versions, shared = [], []
    for layout in layouts:
        one.target = replace(trial.target, layout=layout)
        one.record = MemoryRecord(layout, stood=Standing(one.target.where, 10_000))
        assert failed(one) == []
        versions.append(trial.metadata(LINK.format("d1"))["current_version"])
        shared.append(SHARED in content(trial, LINK.format("d1")))
    assert versions == [1, 2, 3]
    assert shared == [False, True, False]
