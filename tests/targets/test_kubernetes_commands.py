"""`[targets.pods] type = "kubernetes"` by the commands themselves: both ways in, and what is wrong with settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from servers import kubernetes as servers
from syncd.core.layouts.kubernetes import Bundled, Labelled
from tests.cli.runner import Result, Syncd, nothing_of_the_developers
from tests.targets.trials import KubernetesTrial, in_kubernetes

SECRET = "tell-nobody"
DEFINITIONS = f"""
workspace: analytics
environments: [dev]
deployments: {{etl: {{environment: dev, targets: [pods]}}}}
connections:
  warehouse: {{conn_type: http, host: db.internal, password: {SECRET}, link_all: true}}
variables:
  region: {{value: eu, link_all: true}}
"""
SECOND_DEPLOYMENT = """
workspace: analytics
environments: [dev]
deployments:
  etl: {environment: dev, targets: [pods]}
  other: {environment: dev, targets: [pods, files]}
"""
LAYOUTS = {layout.name: layout for layout in (Bundled("analytics"), Labelled("analytics"))}


@pytest.fixture
def syncd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Syncd:
    """With DEFINITIONS in its registry, and no target."""
    nothing_of_the_developers(monkeypatch)
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SYNCD_HOME", str(tmp_path / "home"))
    syncd = Syncd(tmp_path / "home")
    syncd.ok("init")
    syncd.ok("apply", "-f", "-", "--yes", stdin=DEFINITIONS.encode())
    return syncd


@pytest.fixture(params=LAYOUTS)
def trial(request: pytest.FixtureRequest, kubernetes_server: servers.Kubernetes, tmp_path: Path) -> KubernetesTrial:
    return in_kubernetes(LAYOUTS[request.param], kubernetes_server, tmp_path)


def by_token(trial: KubernetesTrial) -> str:
    return f'url = "{trial.server.url}"\nca = "{trial.server.ca}"\ntoken_path = "{trial.token_path}"'


def by_kubeconfig(trial: KubernetesTrial) -> str:
    return f'kubeconfig = "{trial.server.environ["KUBECONFIG"]}"\ncontext = "dev"'


def settle(syncd: Syncd, *lines: str) -> None:
    """The settings of the target, after those that it can't be without."""
    text = "\n".join(("[targets.pods]", 'type = "kubernetes"', *lines))
    (syncd.home / "syncd.toml").write_text(f'{text}\n[targets.files]\ntype = "directory"\npath = "files"\n', "utf-8")


def at(syncd: Syncd, trial: KubernetesTrial, way_in: Callable[[KubernetesTrial], str], *lines: str) -> None:
    namespace, layout = trial.target.namespace, trial.target.layout.name
    settle(syncd, f'namespace = "{namespace}"', f'layout = "{layout}"', way_in(trial), *lines)


# On a real API server


@pytest.mark.kubernetes
@pytest.mark.parametrize("way_in", [by_token, by_kubeconfig])
def test_a_plan_a_sync_and_nothing_to_do(
    syncd: Syncd, trial: KubernetesTrial, way_in: Callable[[KubernetesTrial], str]
) -> None:
    at(syncd, trial, way_in)
    said = [planned := syncd("plan"), syncd.ok("sync"), syncd.ok("plan")]
    assert "to create" in planned.said
    assert "nothing to do" in said[-1].said
    assert SECRET not in "".join(one.said for one in said)
    assert all(SECRET not in str(one["metadata"]) for one in trial.held().values())
    assert any(SECRET in text for name in trial.held() for text in trial.data(name).values())

    syncd.ok("connection", "delete", "warehouse", "--yes")
    syncd.ok("sync", "--changed")
    assert all(SECRET not in text for name in trial.held() for text in trial.data(name).values())
    syncd.ok("deployment", "delete", "etl", "--yes")
    syncd.ok("sync")
    assert trial.held() == {}


@pytest.mark.kubernetes
@pytest.mark.parametrize("command", ["plan", "sync"])
def test_one_cause_is_told_once_with_how_many_places_it_stops(
    syncd: Syncd, trial: KubernetesTrial, command: str
) -> None:
    settle(syncd, 'namespace = "not-there"', f'layout = "{trial.target.layout.name}"', by_kubeconfig(trial))
    places = len(syncd(command, "--output", "json").json["targets"][0]["held"])
    said = syncd(command)
    assert (said.code, places > 1) == (1, True)
    assert said.said.count("its namespace isn't there") == 1
    assert f"✗ pods: secrets of not-there: its namespace isn't there ({places} places)" in said.said
    assert f"{places} held" in said.said


@pytest.mark.kubernetes
def test_where_no_item_failed_status_says_what_did(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["layered"], kubernetes_server, tmp_path)
    at(syncd, trial, by_token)
    syncd.ok("sync")
    name = max(trial.held(), key=lambda name: not any("." in key for key in trial.data(name) if "nameplate" not in key))
    trial.put(name, {"somebody": "else"})
    assert all("." not in key for key in trial.data(name))
    syncd("sync")
    said = syncd.ok("status").said
    assert "pods not all in sync" in said
    assert "2 of 2" in said
    assert f"✗ pods: {name}: could not be written since" in said
    assert "→ `syncd plan --target pods` looks at it" in said
    (pods,) = (one for one in syncd.json("status")["targets"] if one["target"] == "pods")
    assert pods["unsettled"] == [name]

    trial.delete(name)
    syncd.ok("sync")
    assert "could not be written" not in syncd.ok("status").said


@pytest.mark.kubernetes
def test_what_stands_in_the_way_is_taken_over_by_its_command(syncd: Syncd, trial: KubernetesTrial) -> None:
    at(syncd, trial, by_token)
    name = "analytics.etl.0"
    if trial.target.layout.name == "airflow":
        at(syncd, trial, by_token)
        syncd.ok("sync")
        name = next(one for one in trial.held() if ".variable." in one)
        trial.delete(name)
    trial.put_foreign(name)
    refused = syncd("sync")
    assert refused.code == 1
    assert f"{name}: lies there already and was written by somebody else" in refused.said
    assert f"{name}, by somebody else" in syncd.ok("target", "adopt", "pods", "--yes").err
    syncd.ok("sync")
    assert "nothing to do" in syncd.ok("plan").said
    assert trial.data(name)["somebody"] == "else"


@pytest.mark.kubernetes
def test_a_lost_registry_is_told_and_its_secrets_are_taken_over(
    syncd: Syncd, trial: KubernetesTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(syncd, trial, by_token)
    syncd.ok("sync")
    monkeypatch.setenv("SYNCD_HOME", str(tmp_path / "anew"))
    anew = Syncd(tmp_path / "anew")
    anew.ok("init")
    anew.ok("apply", "-f", "-", "--yes", stdin=DEFINITIONS.encode())
    at(anew, trial, by_token)
    before = trial.held()
    assert "syncd target adopt pods" in anew("sync").said
    assert trial.held() == before
    anew.ok("target", "adopt", "pods", "--yes")
    anew.ok("sync")
    assert "nothing to do" in anew.ok("plan").said


@pytest.mark.kubernetes
def test_two_deployments_in_one_namespace_of_airflow_are_refused_and_other_targets_go_on(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["airflow"], kubernetes_server, tmp_path)
    at(syncd, trial, by_token)
    syncd.ok("sync")
    before = trial.held()
    syncd.ok("apply", "-f", "-", "--yes", stdin=SECOND_DEPLOYMENT.encode())
    for command in (("plan",), ("sync",), ("sync", "--changed")):
        result = syncd(*command)
        assert result.code == 1
        assert "is named by etl, other" in result.said
        assert trial.held() == before
    assert (syncd.home / "files/analytics/deployments/other/connections/warehouse").exists()
    assert "is named by etl, other" in syncd("status").said


@pytest.mark.kubernetes
def test_an_id_that_no_label_can_hold_is_told_by_plan_sync_and_status(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["airflow"], kubernetes_server, tmp_path)
    at(syncd, trial, by_token)
    syncd.ok("variable", "create", "a b", "value=x")
    syncd.ok("link", "etl", "a b", "--variable")
    for command in ("plan", "sync", "status"):
        assert "no label can hold this id" in syncd(command).said
    assert len(trial.held()) == 2


@pytest.mark.kubernetes
def test_another_number_of_secrets_is_planned_as_a_move_and_asks_nobody(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["layered"], kubernetes_server, tmp_path)
    at(syncd, trial, by_token, "secrets = 3")
    syncd.ok("sync")
    assert len(trial.held()) == 3
    for secrets in (1, 5):
        at(syncd, trial, by_token, f"secrets = {secrets}")
        syncd.ok("sync")
        assert len(trial.held()) == secrets
        assert "nothing to do" in syncd.ok("plan").said
    plates = [json.loads(trial.data(name)["nameplate"]) for name in trial.held()]
    assert {plate["secrets"] for plate in plates} == {5}


@pytest.mark.kubernetes
def test_another_number_of_secrets_is_moved_to_where_only_changes_are_looked_for_too(
    syncd: Syncd, kubernetes_server: servers.Kubernetes, tmp_path: Path
) -> None:
    trial = in_kubernetes(LAYOUTS["layered"], kubernetes_server, tmp_path)
    at(syncd, trial, by_token, "secrets = 3")
    syncd.ok("sync")
    at(syncd, trial, by_token, "secrets = 5")
    syncd.ok("sync", "--changed")
    assert len(trial.held()) == 3
    syncd.ok("connection", "update", "warehouse", "host=other.internal")
    assert "waits for what isn't written yet (10 places) → sync again" in syncd("sync", "--changed").said
    syncd.ok("sync", "--changed")
    assert len(trial.held()) == 5
    assert "nothing to do" in syncd.ok("plan").said


# Settings


NAMESPACE = 'namespace = "etl"'
WRONG = {
    "no namespace": ([], "targets.pods.namespace: Field required"),
    "a namespace that is none": (['namespace = "ETL_prod"'], "targets.pods.namespace: is no namespace"),
    "a namespace that is too long": ([f'namespace = "{"n" * 64}"'], "targets.pods.namespace: is no namespace"),
    "secrets = 0": ([NAMESPACE, "secrets = 0"], "targets.pods.secrets: is no whole number from 1 to 64"),
    "secrets = 65": ([NAMESPACE, "secrets = 65"], "targets.pods.secrets: is no whole number from 1 to 64"),
    "secrets in airflow": (
        [NAMESPACE, "secrets = 2", 'layout = "airflow"'],
        'targets.pods: secrets is for layout "layered"',
    ),
    "no such layout": ([NAMESPACE, 'layout = "split"'], "targets.pods.layout: is none of layered, airflow"),
    "both ways in": (
        [NAMESPACE, 'kubeconfig = "config"', 'url = "https://127.0.0.1:9"'],
        "targets.pods: kubeconfig and context are one way in; url, ca and token_path another",
    ),
    "an address that is none": ([NAMESPACE, 'url = "127.0.0.1:6443"'], "is no address of an API server"),
    "an address with a password": ([NAMESPACE, f'url = "https://a:{SECRET}@h:6443"'], "is no address of an API server"),
    "an unknown setting": ([NAMESPACE, 'cluster = "x"'], "targets.pods.cluster: no such setting"),
}


@pytest.mark.parametrize(("lines", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_the_settings_is_told_by_its_name_before_anything_is_asked(
    syncd: Syncd, lines: list[str], said: str
) -> None:
    settle(syncd, *lines)
    for command in ("plan", "sync"):
        result = syncd(command)
        assert result.code == 1
        assert said in result.said
        assert SECRET not in result.said


NOWHERE = {
    "no kubeconfig": (['kubeconfig = "missing"'], "missing"),
    "a kubeconfig that is no YAML": (['kubeconfig = "broken"'], "home/broken:2: isn't YAML"),
    "no such context": (['kubeconfig = "config"', 'context = "other"'], "other"),
    "no token": (['url = "https://127.0.0.1:9"', 'token_path = "missing"'], "`token_path` is to name the file"),
    "an empty token": (['url = "https://127.0.0.1:9"', 'token_path = "empty"'], "`token_path` is to name the file"),
    "no token given": (
        ['url = "https://127.0.0.1:9"'],
        "automountServiceAccountToken: false; elsewhere `token_path` is",
    ),
    "no authority": (['url = "https://127.0.0.1:9"', 'ca = "missing"', 'token_path = "token"'], "isn't there"),
    "no pod": ([], "this isn't a pod, and no API server is named → give its `url` and `token_path`, or a `kubeconfig`"),
    "nobody there": (['url = "https://127.0.0.1:9"', 'token_path = "token"'], "https://127.0.0.1:9"),
}


@pytest.mark.parametrize(("lines", "said"), NOWHERE.values(), ids=NOWHERE)
def test_a_way_in_that_leads_nowhere_is_told_and_no_other_target_waits(
    syncd: Syncd, lines: list[str], said: str
) -> None:
    settle(syncd, NAMESPACE, *lines)
    (syncd.home / "config").write_text(KUBECONFIG, "utf-8")
    (syncd.home / "token").write_text(SECRET, "utf-8")
    (syncd.home / "broken").write_text(f"clusters: []\nusers: [{SECRET}", "utf-8")
    (syncd.home / "empty").write_text(" \n", "utf-8")
    syncd.ok("deployment", "update", "etl", "--target", "pods", "--target", "files")
    results: list[Result] = [syncd("plan", "--target", "pods"), syncd("sync")]
    for result in results:
        assert result.code == 1
        assert said in result.said
        assert SECRET not in result.said
    assert (syncd.home / "files/analytics/deployments/etl/connections/warehouse").exists()


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: dev, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: dev, user: {token: tell-nobody}}]
contexts: [{name: dev, context: {cluster: dev, user: dev}}]
current-context: dev
"""


@pytest.mark.parametrize("way_in", ['kubeconfig = "login"', 'url = "https://127.0.0.1:9"\ntoken_path = "login"'])
def test_what_syncd_logs_in_with_is_never_read_as_a_reference(syncd: Syncd, way_in: str) -> None:
    settle(syncd, NAMESPACE, way_in)
    with (syncd.home / "syncd.toml").open("a", encoding="utf-8") as file:
        file.write('[references]\nfiles = ["."]\n')
    (syncd.home / "login").write_text(SECRET, "utf-8")
    syncd.ok("connection", "update", "warehouse", "--from", "password=file:login")
    syncd.ok("deployment", "update", "etl", "--target", "files")
    result = syncd("sync", "--target", "files")
    assert result.code == 1
    assert "file:login" in result.said
    assert not (syncd.home / "files/analytics/deployments/etl/connections/warehouse").exists()
