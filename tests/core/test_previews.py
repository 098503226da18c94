"""Previews: what they get is what their base gets, but for what is of another environment, or withheld."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import changes
from syncd.core.checks import check
from syncd.core.documents import Observed
from syncd.core.errors import FixError
from syncd.core.explain import explain
from syncd.core.layouts.split import Split
from syncd.core.model import Definition, Deployment, Item, Key, Reference, Scope, Workspace
from syncd.core.previews import expired
from syncd.core.resolve import resolve
from syncd.core.reveal import Reveal, for_previews
from tests.core.memory import seal

LAKE, OWN = Key("connection", "lake"), Key("connection", "scratch", "etl")
BASE = Workspace(
    "analytics",
    ("dev", "prod"),
    {"etl": Deployment("etl", "dev", ("files",)), "bi": Deployment("bi", "prod", ("files",))},
    {
        LAKE: Definition(
            LAKE,
            {"conn_type": "http", "host": "any", "login": "me"},
            environments={"dev": {"host": "dev"}, "prod": {"host": "prod"}},
            links={"etl": {"schema": "etl's"}, "bi": {"schema": "bi's"}},
        ),
        OWN: Definition(OWN, {"conn_type": "sqlite"}),
    },
)


def previewed(workspace: Workspace, of: str = "etl", environment: str = "dev") -> Workspace:
    """With `pr-1`."""
    return changes.add_deployment(workspace, Deployment("pr-1", environment, ("files",), of))


def gets(workspace: Workspace, deployment: str = "pr-1", reveal: Reveal = Reveal()) -> dict[str, dict[str, Any]]:  # noqa: B008  frozen
    resolution = for_previews(workspace, resolve(workspace, Scope()), reveal)
    return {
        item.id: dict(one.effective.fields)
        for item, one in resolution.resolved.items()
        if item.deployment == deployment
    }


def test_in_its_bases_environment_it_gets_the_same() -> None:
    here = previewed(BASE)
    assert gets(here) == gets(here, "etl")
    assert gets(here)["lake"] == {"conn_type": "http", "host": "dev", "login": "me", "schema": "etl's"}
    assert "scratch" in gets(here)


def test_in_another_environment_it_has_that_ones_layer_and_no_override_of_its_bases_link() -> None:
    assert gets(previewed(BASE, of="bi"))["lake"] == {"conn_type": "http", "host": "dev", "login": "me"}


def test_a_link_of_its_own_wins() -> None:
    here = changes.link(previewed(BASE), LAKE, "pr-1", {("schema",): "pr's"})
    assert gets(here)["lake"]["schema"] == "pr's"


def test_it_is_excluded_from_what_its_base_is_excluded_from() -> None:
    everybody = replace(BASE.definitions[LAKE], links={}, link_all=True, exclude=frozenset({"etl"}))
    here = previewed(replace(BASE, definitions={LAKE: everybody}))
    assert gets(here) == {}
    assert gets(changes.exclude(here, LAKE, "etl", on=False)).keys() == {"lake"}


def test_it_may_be_excluded_by_itself() -> None:
    here = changes.exclude(previewed(BASE), LAKE, "pr-1", on=True)
    assert gets(here).keys() == {"scratch"}
    assert gets(here, "etl").keys() == {"lake", "scratch"}
    assert gets(changes.exclude(here, LAKE, "pr-1", on=False)) == gets(here, "etl")


def test_a_link_that_it_has_of_its_base_is_kept_from_it_by_excluding_it() -> None:
    with pytest.raises(FixError, match="it is to etl") as refused:
        changes.unlink(previewed(BASE), LAKE, "pr-1")
    assert refused.value.remedy == "`syncd exclude pr-1 lake`"


def test_what_its_base_is_linked_to_later_it_is_too() -> None:
    key = Key("variable", "region")
    here = changes.add_definition(previewed(BASE), Definition(key, {"value": "eu"}))
    assert "region" not in gets(here)
    assert gets(changes.link(here, key, "etl", {}))["region"] == {"value": "eu"}


def test_no_secret_of_a_higher_environment_goes_to_it_unless_it_is_allowed() -> None:
    token = Definition(LAKE, {"conn_type": "http", "password": Reference("env", "T")}, links={"etl": {}, "bi": {}})
    here = previewed(replace(BASE, definitions={LAKE: token}), of="bi")
    (one,) = for_previews(
        here, resolve(here, Scope(items=frozenset({Item("pr-1", *LAKE[:2])}))), Reveal()
    ).resolved.values()
    assert one.effective.fields == {"conn_type": "http"}
    assert [(path, why) for path, why, _ in one.withheld] == [
        (("password",), "is withheld: it is a secret of environment prod")
    ]
    assert gets(here, "etl")["lake"].keys() == {"conn_type", "password"}


def test_beside_a_preview_of_a_higher_environment_it_gets_no_more() -> None:
    token = Definition(LAKE, {"conn_type": "http", "password": Reference("env", "T")}, links={"etl": {}, "bi": {}})
    one = previewed(replace(BASE, definitions={LAKE: token}))
    both = changes.add_deployment(one, Deployment("pr-2", "prod", ("files",), "bi"))
    assert gets(one)["lake"] == gets(both)["lake"] == gets(both, "pr-2")["lake"] == {"conn_type": "http"}


def test_an_own_definition_wins_over_its_bases_own() -> None:
    mine = OWN._replace(owner="pr-1")
    here = changes.add_definition(previewed(BASE), Definition(mine, {"conn_type": "sqlite", "host": "mine"}))
    assert gets(here)["scratch"]["host"] == "mine"
    assert "host" not in gets(here, "etl")["scratch"]


def test_in_layout_split_it_reads_no_part_of_others_that_holds_what_is_withheld_from_it() -> None:
    token = Reference("env", "T")
    one = Definition(LAKE, {"conn_type": "http", "password": token}, links={"etl": {}, "bi": {}})
    here = previewed(replace(BASE, definitions={LAKE: one}), of="bi")
    found = for_previews(here, resolve(here, Scope()), Reveal())
    goal = Split("analytics", writes_policies=True).documents(found, Observed({}, {}, {}), seal)
    by_name = {place.object: document.content for place, document in goal.items() if document is not None}
    part = "analytics/environments/dev/connections/lake"
    assert by_name[part]["layers"] == {"definition": {"conn_type": "http", "password": token}}
    assert {name for name, content in by_name.items() if part in str(content)} == {
        "analytics/deployments/etl/connections/lake",
        "analytics/policies/etl",
    }


def test_explain_shows_it_like_any_other() -> None:
    found = explain(previewed(BASE), Item("pr-1", "connection", "lake"))
    assert found is not None
    assert {one.path[-1]: one.layer for one in found.fields}["schema"] == "link"


@pytest.mark.parametrize("of", ["nobody", "pr-1"])
def test_it_previews_a_deployment_and_no_preview(of: str) -> None:
    here = replace(BASE, deployments={**BASE.deployments, "pr-1": Deployment("pr-1", "dev", (), of)})
    assert [finding.path[-1] for finding in check(here)] == ["preview_of"]


def test_it_goes_with_its_base() -> None:
    assert changes.delete_deployment(previewed(BASE), "etl").deployments.keys() == {"bi"}


def test_it_expires_at_its_time() -> None:
    here = replace(BASE, deployments={"pr-1": Deployment("pr-1", "dev", (), "etl", "2026-01-02T00:00:00Z")})
    assert [expired(here, f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 3)] == [(), ("pr-1",), ("pr-1",)]


@given(
    st.dictionaries(st.sampled_from(["etl", "bi"]), st.just({})), st.booleans(), st.sets(st.sampled_from(["etl", "bi"]))
)
def test_it_is_linked_to_just_what_its_base_is(links: dict[str, Any], link_all: bool, exclude: set[str]) -> None:
    one = Definition(
        LAKE, {"conn_type": "http"}, links=links, link_all=link_all, exclude=frozenset(exclude - links.keys())
    )
    for of in ("etl", "bi"):
        here = previewed(replace(BASE, definitions={LAKE: one}), of=of)
        assert gets(here).keys() == gets(here, of).keys()
