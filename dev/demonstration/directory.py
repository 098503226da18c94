"""The main job: one connection, two deployments, a directory for each, and a change that both see at once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import Any

import screen
from live import LiveAirflow
from stage import SAMPLES, Failed, Stage

PASSWORDS = {"etl-dev": "dev", "etl-prod": "prod"}
"""By deployment: which planted secret it must get."""

BEFORE = {
    "etl-dev": {
        "host": "dev.warehouse.internal",
        "schema": "analytics",
        "extra.sslmode": "require",
        "region": "eu-west-1",
    },
    "etl-prod": {
        "host": "warehouse.internal",
        "schema": "finance",
        "extra.sslmode": "require",
        "extra.application_name": "etl",
        "region": "eu-central-1",
    },
}
"""What the samples mean: written down once more, so that nothing is compared with itself alone."""

AFTER = {
    "etl-dev": BEFORE["etl-dev"] | {"extra.sslmode": "verify-full"},
    "etl-prod": BEFORE["etl-prod"] | {"extra.sslmode": "verify-full", "schema": "reporting"},
}


def tell(stage: Stage) -> None:
    """Raises Failed where anything isn't as it must be."""
    began = time.monotonic()
    airflows = {
        deployment: LiveAirflow(stage, deployment, SAMPLES / "airflow" / f"{deployment}.cfg")
        for deployment in PASSWORDS
    }
    screen.title(
        "One connection, two deployments, two live Airflows",
        "Every file shown is in dev/samples. Both Airflows start while you read.",
    )
    _define(stage)
    _sync(stage)
    _explain(stage)
    before = _run(stage, airflows)
    _change(stage)
    after = _run_again(stage, airflows)
    _conclude(stage, before, after, time.monotonic() - began)


def _define(stage: Stage) -> None:
    screen.step("Define it once", "What production overrides stands beside it, and so does who gets it.")
    screen.excerpt(
        "definitions/analytics.yaml, in part", _part("definitions/analytics.yaml", "connections:", "  slack:")
    )
    screen.command(f"export SYNCD_HOME={stage.home}")
    screen.command("export WAREHOUSE_PASSWORD=•••  SLACK_TOKEN=•••")
    stage.run("cp syncd.toml $SYNCD_HOME; syncd init")
    stage.run("syncd apply -f definitions --yes | tail -n 1    # it lists every edit first")


def _sync(stage: Stage) -> None:
    screen.step("Plan, then sync", "Each deployment gets documents of its own, and only the layers that it needs.")
    stage.run("syncd plan")
    stage.run("syncd sync")


def _explain(stage: Stage) -> None:
    screen.step("Ask why", "Each field of what a deployment gets, and the layer that it comes from.")
    for deployment in PASSWORDS:
        stage.run(f"syncd explain {deployment} warehouse")


def _run(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, Any]:
    screen.step("Run one DAG on both", "It asks Airflow as any DAG does; only their airflow.cfg differs.")
    screen.excerpt("airflow/etl-prod.cfg", _part("airflow/etl-prod.cfg"))
    screen.excerpt(
        "dags/which_connection.py, in part", _part("dags/which_connection.py", "        connection =", "        got =")
    )
    with screen.waiting("both Airflows are starting"):
        explained = stage.explained(list(airflows))
        seconds = max(airflow.wait_until_ready() for airflow in airflows.values())
    screen.held(f"both are up, {seconds:.0f} s after they were started")
    return compared(stage, airflows, explained, BEFORE)


def _change(stage: Stage) -> None:
    screen.step("Change one override and one shared field", "The plan shows just that.")
    stage.run("syncd override set warehouse --deployment etl-prod schema=reporting")
    stage.run("syncd connection update warehouse extra.sslmode=verify-full")
    stage.run("syncd plan")
    stage.run("syncd sync")


def _run_again(stage: Stage, airflows: Mapping[str, LiveAirflow]) -> Mapping[str, Any]:
    screen.step("Run it again, on the same processes", "A change is seen at the next lookup: nothing is restarted.")
    with screen.waiting("asking syncd"):
        explained = stage.explained(list(airflows))
    results = compared(stage, airflows, explained, AFTER)
    if not all(airflow.lives() for airflow in airflows.values()):
        raise Failed("an Airflow process has ended meanwhile")
    return results


def compared(
    stage: Stage,
    airflows: Mapping[str, LiveAirflow],
    explained: Mapping[str, Any],
    expected: Mapping[str, Mapping[str, str]],
) -> Mapping[str, Any]:
    """By deployment and field: what the DAG got, and its layer. The task compares too, and fails where one differs."""
    key = secrets.token_hex(16)
    with screen.waiting("the DAG runs"):
        runs = {}
        for name, airflow in airflows.items():
            digests = {"password": stage.digest(PASSWORDS[name], key)}
            runs[name] = airflow.trigger({"explained": explained[name], "digests": digests, "key": key})
        got = {name: airflow.result(runs[name]) for name, airflow in airflows.items()}
    results = {name: dict(_fields(got[name], explained[name])) for name in airflows}
    for name, values in expected.items():
        wrong = [path for path, value in values.items() if results[name][path][0] != value]
        if wrong:
            raise Failed(f"{name} got another {', '.join(wrong)} than the samples say")
        screen.held(f"{name}: {len(results[name])} fields as `syncd explain` says, and the password that was planted")
    screen.gap()
    return results


def _fields(got: Mapping[str, Any], explained: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    for id_, values in got.items():
        layers = {field["path"]: field["layer"] for field in explained[id_]["fields"]}
        for path, value in values.items():
            yield id_ if path == "value" else path, (str(value), layers[path])


def _conclude(stage: Stage, before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> None:
    screen.step("What the DAG got", "Secrets were compared as well, by digest, with what the demo had planted.")
    screen.table(("deployment", "field", "before → after", "came from"), _rows(before, after))
    screen.gap()
    no_leaks(stage)
    screen.held("no secret in any log, in the registry or in Airflow's databases")
    screen.held(f"everything that was compared held ({seconds:.0f} s)")


def no_leaks(stage: Stage) -> None:
    """Raises Failed where a planted secret stands in a file that isn't its own."""
    leaks = list(stage.leaks())
    if leaks:
        raise Failed(f"a secret stands where none belongs: {', '.join(map(str, leaks))}")


def _rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for deployment, fields in AFTER.items():
        for path in (*fields, "password"):
            (old, _), (new, layer) = before[deployment][path], after[deployment][path]
            shown = old if new == old else f"{old} [yellow]→ {new}[/yellow]"
            yield deployment if path == "host" else "", path, shown, f"[cyan]{layer}[/cyan]"


def _part(of: str, first: str = "", following: str = "") -> str:
    """A sample's text: from the line that begins with `first` to before the one that begins with `following`."""
    text = (SAMPLES / of).read_text("utf-8")
    if first:
        text = text[text.index(f"\n{first}") + 1 :]
    return dedent(text.partition(f"\n{following}")[0] if following else text)
