"""`python -m airflow_plugin` on a worker: what it sees, and no secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")
from airflow_plugin.__main__ import main
from tests.airflow.documents import SECRET, Shared, connection
from tests.airflow.processes import BACKEND, environment, run
from tests.airflow.releases import KWARG_VARIABLES, WORKERS_SECTION

pytestmark = pytest.mark.airflow
Configure = Callable[..., None]
Report = Callable[..., "tuple[int, Any]"]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """The exit code, and what is printed as JSON."""

    def run_here(*arguments: str) -> tuple[int, Any]:
        code = main([*arguments, "--output", "json"])
        out = capsys.readouterr().out
        assert SECRET not in out
        return code, json.loads(out)

    return run_here


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What is printed for people."""

    def run_here(*arguments: str) -> str:
        main(arguments)
        out = capsys.readouterr().out
        assert SECRET not in out
        return out

    return run_here


def test_it_tells_where_the_configuration_comes_from(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    code, found = report()

    assert code == 0
    assert found["configuration"] == {
        "option": "[secrets] backend",
        "told_by": ["AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"],
        "backend_kwargs": shared.kwargs(),
    }


@pytest.mark.skipif(not WORKERS_SECTION, reason="this Airflow has no section for workers")
def test_it_looks_as_a_worker_does(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs(deployment="api"))
    configured(shared.kwargs(), section="WORKERS__", prefix="SECRETS_")

    _, found = report()

    assert found["configuration"]["option"] == "[workers] secrets_backend"
    assert found["nameplate"]["deployment"] == "etl-dev"


@pytest.mark.skipif(not KWARG_VARIABLES, reason="this Airflow has no variable for a single key")
def test_it_names_the_variable_of_a_single_key(
    report: Report, shared: Shared, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(shared.kwargs(deployment="api"))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARG__DEPLOYMENT", "etl-dev")

    _, found = report()

    assert "AIRFLOW__SECRETS__BACKEND_KWARG__DEPLOYMENT" in found["configuration"]["told_by"]
    assert found["nameplate"]["deployment"] == "etl-dev"


def test_it_names_the_file(tmp_path: Path, shared: Shared) -> None:
    kwargs = json.dumps(shared.kwargs())
    (tmp_path / "airflow.cfg").write_text(f"[secrets]\nbackend = {BACKEND}\nbackend_kwargs = {kwargs}\n")
    env = environment(tmp_path, "")
    del env["AIRFLOW__SECRETS__BACKEND"], env["AIRFLOW__SECRETS__BACKEND_KWARGS"]

    done = run(sys.executable, "-m", "airflow_plugin", "warehouse", "--output", "json", env=env)

    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    found = json.loads(done.stdout)  # though Airflow may log while it is imported
    assert found["configuration"]["told_by"] == [str(tmp_path / "airflow.cfg")]
    assert found["items"][0]["linked"] is True


def test_it_masks_whatever_may_be_secret_in_the_kwargs(report: Report, shared: Shared, configured: Configure) -> None:
    local = {"connections": {"warehouse": {"host": "h", "password": f"{SECRET}-local"}}}
    next_ = {"backend": "airflow.secrets.environment_variables.EnvironmentVariablesBackend"}
    configured(shared.kwargs(local=local, next=next_, token=f"{SECRET}-token", prefix=[f"{SECRET}-prefix"]))

    _, found = report()

    shown = found["configuration"]["backend_kwargs"]
    assert shown["local"] == {"connections": {"warehouse": {"host": "•••", "password": "•••"}}}
    assert (shown["token"], shown["prefix"]) == ("•••", "•••")


def test_it_tells_place_and_nameplate(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    _, found = report()

    assert found["nameplate"] == {
        "place": str(shared.file("nameplate")),
        "workspace": "analytics",
        "deployment": "etl-dev",
        "revision": 1,
        "documents": 7,
        "found": 7,
    }


def test_it_counts_the_documents_that_are_here(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())
    shared.file("connections/torn").unlink()
    shared.file("connections/.syncd~").write_text("")

    _, found = report()

    assert (found["nameplate"]["documents"], found["nameplate"]["found"]) == (7, 6)


def test_it_counts_the_keys_of_a_mounted_secret(
    report: Report, shared: Shared, configured: Configure, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("nameplate", "connections/warehouse", "variables/region"):
        (flat / name.replace("/", ".")).write_bytes(shared.file(name).read_bytes())
    configured(shared.kwargs(path=str(flat)))

    _, found = report()

    assert (found["nameplate"]["documents"], found["nameplate"]["found"]) == (7, 2)


def test_it_tells_each_field_with_its_layer_and_no_secret(
    report: Report, shared: Shared, configured: Configure
) -> None:
    configured(shared.kwargs(local={"connections": {"warehouse": {"port": 1}}}))

    code, found = report("warehouse")

    fields = {field["path"]: (field["value"], field["layer"]) for field in found["items"][0]["fields"]}
    assert code == 0
    assert fields["host"] == ("dev.warehouse", "environment")
    assert fields["schema"] == ("finance", "link")
    assert fields["port"] == (1, "local")
    assert fields["password"] == (None, "definition")
    assert fields["extra.blob"] == (None, "definition")
    assert fields["extra.options.tags"] == (["a", "b"], "definition")


def test_it_warns_where_a_secret_goes_to_another_address(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs(local={"connections": {"warehouse": {"host": "elsewhere"}}}))

    _, found = report("warehouse")

    assert any("the local layer moves host and inherits" in warning for warning in found["items"][0]["warnings"])


def test_it_tells_which_provider_knows_the_type(report: Report, shared: Shared, configured: Configure) -> None:
    shared.put(connection("mail"))
    configured(shared.kwargs())

    _, warehouse = report("warehouse")
    shared.put(connection("mail", conn_type="smtp"))
    _, mail = report("mail")

    assert warehouse["items"][0]["provider"] is None
    assert mail["items"][0]["provider"] == "apache-airflow-providers-smtp"


def test_it_tells_of_a_variable(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    code, found = report("--variable", "licence")

    assert code == 0
    assert found["items"][0]["fields"] == [
        {"path": "value", "value": None, "text": "•••", "secret": True, "layer": "definition"}
    ]


def test_what_is_not_linked_is_no_success(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    code, found = report("theirs")

    assert code == 1
    assert found["items"] == [{"kind": "connection", "id": "theirs", "linked": False}]
    assert found["problems"] == []


def test_what_is_broken_is_no_success_and_does_not_hide_the_rest(
    report: Report, shared: Shared, configured: Configure
) -> None:
    configured(shared.kwargs())
    shared.file("connections/torn").write_text(f'{{"format": 1, "{SECRET}')

    code, found = report("torn", "--variable", "region")

    assert code == 1
    assert [problem["problem"] for problem in found["problems"]] == ["is no JSON object"]
    assert [item["linked"] for item in found["items"]] == [None, True]


def test_a_mistyped_deployment_is_told(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs(deployment="etl-dve"))

    code, found = report("warehouse")

    assert code == 1
    assert found["problems"][0]["reason"] == "NoNameplate"
    assert "nameplate" not in found


def test_wrong_kwargs_are_told_all_at_once(report: Report, configured: Configure) -> None:
    configured({"workspace": "A", "deploymnet": f"{SECRET}-x"})

    code, found = report()

    assert code == 1
    assert {problem["subject"] for problem in found["problems"]} == {
        f"backend_kwargs: {name}" for name in ("workspace", "deploymnet", "deployment", "path")
    }


def test_another_backend_is_told(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "airflow.secrets.environment_variables.EnvironmentVariablesBackend"
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", name)

    code, found = report()

    assert code == 1
    assert found["problems"][0]["subject"] == "[secrets] backend"
    assert found["problems"][0]["problem"] == f"is {name}"


def test_no_backend_is_told(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__SECRETS__BACKEND", raising=False)

    code, found = report()

    assert (code, found["problems"][0]["problem"]) == (1, "isn't set")


def test_a_next_that_cannot_be_made_is_told(report: Report, shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs(next={"backend": "no.such.Backend", "backend_kwargs": {"token": SECRET}}))

    code, found = report("warehouse")

    assert code == 1
    assert found["problems"][0]["subject"] == "backend_kwargs: next"
    assert found["items"][0]["linked"] is True


def test_people_read_the_same(text: Callable[..., str], shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    lines = [line.split() for line in text("warehouse", "--variable", "theirs").splitlines()]

    assert ["host", "dev.warehouse", "<-", "environment"] in lines
    assert ["password", "•••", "<-", "definition"] in lines
    assert ["documents", "7,", "and", "7", "are", "here"] in lines
    assert ["variable", "theirs", "isn't", "linked"] in lines


def test_an_id_cannot_move_the_cursor(text: Callable[..., str], shared: Shared, configured: Configure) -> None:
    configured(shared.kwargs())

    assert "\x1b" not in text("\x1b[2J")


@pytest.mark.parametrize("arguments", [["--frob"], ["one", "two"], ["--variable"], ["--output", "yaml"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
