"""What both Airflows of a story are asked, and say: through a Vault, or through Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping

import directory
import screen
from live import LiveAirflow
from stage import Failed, Stage

NOT_LINKED = "The conn_id `warehouse` isn't defined"


def compared(
    stage: Stage, airflows: Mapping[str, LiveAirflow], expected: Mapping[str, Mapping[str, str]]
) -> Mapping[str, str]:
    """What the DAG got on each, in a few words."""
    with screen.waiting("asking syncd"):
        explained = stage.explained(list(airflows))
    got = directory.compared(stage, airflows, explained, {name: expected[name] for name in airflows})
    return {name: f"schema {fields['schema'][0]}, its password" for name, fields in got.items()}


def refused(
    airflows: Mapping[str, LiveAirflow], because: Mapping[str, str], reads_by: Mapping[str, str]
) -> Mapping[str, str]:
    """What the task says on each, which must fail."""
    with screen.waiting("the DAG runs"):
        runs = {name: airflow.trigger({}) for name, airflow in airflows.items()}
        said = {name: airflow.failure(runs[name]) for name, airflow in airflows.items()}
    for name, text in said.items():
        if because[name] not in text:
            raise Failed(f"{name} says something else: {text}")
        screen.quoted(f"{name}, {reads_by[name]}:", text)
    screen.gap()
    return {name: (text.partition("had: ")[2] or text.partition(": ")[2]) for name, text in said.items()}


def renewed(said: Mapping[str, str]) -> Mapping[str, str]:
    """The same after a rotation."""
    return {name: text.replace("password", "new password") for name, text in said.items()}


def conclude(
    stage: Stage,
    airflows: Mapping[str, LiveAirflow],
    said: Mapping[str, Mapping[str, str]],
    reads_by: Mapping[str, str],
    clean: str,
    seconds: float,
) -> None:
    """The table of what each said, and when; `clean` says where else no secret is."""
    screen.step("What the DAG got", "On the same processes all along.")
    if not all(airflow.lives() for airflow in airflows.values()):
        raise Failed("an Airflow process has ended meanwhile")
    columns = ("", *(f"{name}, {by}" for name, by in reads_by.items()))
    screen.table(columns, [(when, *(texts[name] for name in reads_by)) for when, texts in said.items()])
    screen.gap()
    directory.no_leaks(stage)
    screen.held(f"no secret in any log, in the registry, {clean}")
    screen.held(f"everything that was compared held ({seconds:.0f} s)")
