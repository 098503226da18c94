"""dev/samples/daemon: alerts and a dashboard ask for what the daemon really tells, and say what they promise."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from servers.binaries import Missing
from syncd.core.errors import FixError, Reason
from syncd.daemon.metrics import Metrics
from syncd.daemon.observing import Key, Look, Standing
from syncd.daemon.schedule import Kind
from syncd.daemon.settings import Settings
from syncd.registry.status import Lag
from tests.samples import promtool as tool

SAMPLES = Path(__file__).parents[2] / "dev/samples/daemon"
DASHBOARD = json.loads((SAMPLES / "dashboard.json").read_text("utf-8"))
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((SAMPLES / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
ASKED = {
    **{f"alert {name}": rule["expr"] for name, rule in RULES.items()},
    **{
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    },
}
"""Every expression, by where it stands."""


@pytest.fixture(scope="module")
def told() -> Mapping[str, set[str]]:
    """Each metric that a daemon to which everything happened tells, with its labels; Prometheus adds who was asked."""
    metrics = Metrics()
    lag = Lag(2, 1, "2026-01-01T00:00:00Z")
    standing = Standing(7, {Reason.NOT_OWNED: 1}, lag)
    failure = FixError(Reason.ACCESS_DENIED, "t", "p")
    key = Key("analytics", "files")
    metrics.ended(Look(key, Kind.VERIFY, 2, lag.since, 1.0, {"updated": 1}, (), None, standing))
    metrics.ended(Look(key, Kind.CHANGED, 2, lag.since, 1.0, {}, (), failure, standing))
    families = text_string_to_metric_families(metrics.text().decode())
    found: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {"instance", "job"}).update(sample.labels)
    return found


@pytest.mark.parametrize("where", ASKED)
def test_only_what_the_daemon_tells_is_asked_for(told: Mapping[str, set[str]], where: str) -> None:
    names = set(re.findall(r"\bsyncd_\w+", ASKED[where]))
    assert names
    assert names <= told.keys()


@pytest.mark.parametrize("where", ASKED)
def test_only_labels_that_its_metrics_have_are_asked_for(told: Mapping[str, set[str]], where: str) -> None:
    expression = ASKED[where]
    for name, matchers in re.findall(r"\b(syncd_\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= told[name]
    labels = {one.strip() for by in re.findall(r"\b(?:by|on) \((.*?)\)", expression) for one in by.split(",")}
    for name in re.findall(r"\bsyncd_\w+", expression):
        assert labels <= told[name] or "group_right" in expression


def test_every_metric_is_on_the_dashboard_or_wakes_somebody(told: Mapping[str, set[str]]) -> None:
    asked = " ".join(ASKED.values())
    left = {name for name in told if not name.endswith(("_created", "_sum", "_count"))}
    assert {name for name in left if not re.search(rf"\b{name}\b", asked)} == set()


def test_reasons_that_are_named_are_reasons() -> None:
    named = " ".join(re.findall(r'reason(?:=~|!~|!=|=)"(.*?)"', " ".join(ASKED.values()))).replace("|", " ").split()
    assert {Reason(one) for one in named} >= {Reason.DELETES_HELD, Reason.NOT_OWNED}
    prose = " ".join(rule["annotations"]["description"] for rule in RULES.values())
    words = re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", prose)
    assert {Reason(one) for one in words}


@pytest.mark.parametrize("name", RULES)
def test_each_alert_says_what_it_is_and_what_to_do(name: str) -> None:
    rule = RULES[name]
    assert rule["annotations"].keys() == {"summary", "description"}
    assert len(rule["annotations"]["description"]) > 80
    assert rule["labels"]["severity"] in ("critical", "warning")
    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    kept = {one.strip() for by in re.findall(r"\bby \((.*?)\)", rule["expr"]) for one in by.split(",")}
    assert used <= (kept or {"instance", "job"})


def test_no_success_is_three_times_the_default_of_verify() -> None:
    assert f"3 * {Settings.model_fields['verify'].default}" in RULES["SyncdNoSuccess"]["expr"]


def test_panels_lie_beside_each_other_and_each_has_a_number() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


# By Prometheus itself


@pytest.fixture(scope="module")
def promtool() -> Path:
    try:
        return tool.find()
    except Missing as missing:
        pytest.skip(f"needs a server: {missing}")  # told at the end of the run


def checked(promtool: Path, *arguments: str | Path) -> str:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_prometheus_takes_the_rules(promtool: Path) -> None:
    assert f"{len(RULES)} rules found" in checked(promtool, "check", "rules", SAMPLES / "alerts.yaml")


@pytest.mark.slow
def test_alerts_fire_when_they_should_and_not_before(promtool: Path) -> None:
    assert "SUCCESS" in checked(promtool, "test", "rules", SAMPLES / "alerts-test.yaml")


def expected() -> Iterator[set[str]]:
    """What fires at each time that is looked at."""
    for test in yaml.safe_load((SAMPLES / "alerts-test.yaml").read_text("utf-8"))["tests"]:
        for look in test["promql_expr_test"]:
            yield set(re.findall(r"Syncd\w+", json.dumps(look.get("exp_samples", []))))


def test_each_alert_is_seen_to_fire_and_not_to() -> None:
    seen = list(expected())
    assert set().union(*seen) == RULES.keys()
    assert set() in seen


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_the_test_of_alerts_notices_when_one_is_gone_or_always_fires(promtool: Path, tmp_path: Path, name: str) -> None:
    whole = (SAMPLES / "alerts.yaml").read_text("utf-8")
    (tmp_path / "alerts-test.yaml").write_bytes((SAMPLES / "alerts-test.yaml").read_bytes())
    document = yaml.safe_load(whole)
    (rule,) = (one for one in document["groups"][0]["rules"] if one["alert"] == name)
    for expression in ("vector(0) > 1", "vector(1)"):
        rule["expr"] = expression
        (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(document))
        done = subprocess.run(
            [promtool, "test", "rules", tmp_path / "alerts-test.yaml"], capture_output=True, check=False
        )
        assert done.returncode != 0


@pytest.mark.slow
def test_prometheus_can_read_what_the_dashboard_asks(promtool: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(ASKED.values())
    ]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked(promtool, "check", "rules", tmp_path / "rules.yaml")
