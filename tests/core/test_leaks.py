"""No secret in anything that may be printed, logged or stored: planted in every secret place, looked for everywhere."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import changes
from syncd.core.canonical import text
from syncd.core.checks import check, problems
from syncd.core.documents import decode
from syncd.core.edits import edits
from syncd.core.errors import FixError, Problems, Reason, SyncError, WaitError
from syncd.core.explain import displayed, explain, news
from syncd.core.layouts import Layout
from syncd.core.layouts.lookup import read
from syncd.core.merge import merge
from syncd.core.model import KINDS, Definition, Deployment, Fields, Key, Path, Reference, Workspace, undotted
from syncd.core.outcome import Outcome, advance
from syncd.core.plan import guard
from syncd.core.resolve import fill, layers, resolve, winner
from syncd.core.secrets import SENSITIVE_WORDS
from tests import strategies as some
from tests.core.memory import EVERYTHING, LAYOUTS, NAMES, MemoryTarget, Pass, plan, seal, sync

SECRET = some.SENTINEL
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)

word_keys = st.builds(
    lambda before, word, after: f"{before}{word}{after}",
    st.sampled_from(["", "my_", "x."]),
    st.sampled_from(SENSITIVE_WORDS).flatmap(lambda word: st.sampled_from([word, word.upper()])),
    st.sampled_from(["", "_2"]),
)
hidden = st.recursive(
    st.just(SECRET),
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(some.keys, inner, min_size=1, max_size=2),
    max_leaves=3,
)
below_a_word = st.dictionaries(word_keys, hidden, min_size=1, max_size=2)
in_extra = st.one_of(
    below_a_word,
    st.dictionaries(some.keys, below_a_word, max_size=2),
    st.dictionaries(some.keys, st.lists(below_a_word, max_size=2), max_size=2),
    st.dictionaries(st.just("declared"), hidden),
    st.dictionaries(some.keys, some.references, max_size=2),
)
connection_patches = st.builds(
    lambda fields, extra, more: {**fields, **more, "extra": {**(fields.get("extra") or {}), **extra}},
    some.fields("connection"),
    in_extra,
    st.fixed_dictionaries({}, optional={"password": st.just(SECRET), "login": st.just(SECRET) | some.references}),
)
# `login` and `extra.declared` are secret because the definition says so, a variable's value because it or its key does.
DECLARED: Mapping[str, frozenset[Path]] = {
    "connection": frozenset({("login",), ("extra", "declared")}),
    "variable": frozenset({("value",)}),
}
PATCHES: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "connection": connection_patches,
    "variable": st.fixed_dictionaries({"value": st.just(SECRET) | some.references}),
}


@st.composite
def workspaces(draw: st.DrawFn, revision: int = 1) -> Workspace:
    """A workspace with the sentinel in secret places alone."""
    found = {}
    for key in draw(st.lists(st.sampled_from(some.KEYS), min_size=1, max_size=4, unique=True)):
        patch = PATCHES[key.kind]
        declared = frozenset[Path]() if key.id == "api token" else DECLARED[key.kind]
        fields = {"conn_type": "http", **draw(patch)} if key.kind == "connection" else draw(patch)
        found[key] = Definition(key, fields, declared)
        if not key.owner:
            found[key] = replace(
                found[key],
                environments=draw(st.fixed_dictionaries({}, optional=dict.fromkeys(some.ENVIRONMENTS, patch))),
                links=draw(st.fixed_dictionaries({}, optional=dict.fromkeys(some.DEPLOYMENTS, patch))),
                link_all=draw(st.booleans()),
            )
    deployments = {
        name: Deployment(name, draw(st.sampled_from(some.ENVIRONMENTS)), ("files",)) for name in some.DEPLOYMENTS
    }
    return Workspace("analytics", some.ENVIRONMENTS, deployments, found, revision)


def assert_hidden(*values: object) -> None:
    for value in values:
        for shown in (repr(value), str(value), f"{value}"):
            # Whole, or the better part of it.
            assert SECRET[:8] not in shown
            assert SECRET[-8:] not in shown


def assert_hidden_in(error: BaseException) -> None:
    assert_hidden(error, error.args, "".join(traceback.format_exception(error)))


def given_values(workspace: Workspace) -> Mapping[Reference, str | SyncError]:
    """What references give: secrets, but for the fields that take no text."""
    found = resolve(workspace, EVERYTHING)
    return {reference: f"{SECRET}-{len(str(reference))}" for reference in found.references}


def assert_pass_hides(one: Pass) -> None:
    assert_hidden(
        one.resolution,
        *one.resolution.resolved.values(),
        *(layer for found in one.resolution.resolved.values() for layer in found.layers),
        *(found.effective for found in one.resolution.resolved.values()),
        *one.resolution.blocked.values(),
        one.goal,
        one.observed,
        one.plan,
        *one.plan.changes,
        *one.plan.hold.values(),
        *one.views.values(),
        *one.writes,
        one.results,
    )
    for change in one.plan.changes:
        for view in (change.before, change.after):
            assert_hidden(text([[list(path), shown] for path, shown in (view or {}).items()]))
    for error in one.plan.hold.values():
        outcome = Outcome(next(iter(one.plan.hold)), None, "held", error)
        assert_hidden(outcome, advance(None, outcome, "now"))


@each_layout
@given(workspaces(), workspaces(revision=2))
def test_a_pass_shows_no_secret(layout: Layout, first: Workspace, then: Workspace) -> None:
    """Neither in what it plans and writes, nor in what it finds there."""
    target = MemoryTarget(layout)
    assert_hidden(first, *first.definitions.values())
    assert_pass_hides(sync(first, target, given=given_values(first)))
    assert_pass_hides(plan(then, target, given=given_values(then)))
    assert_hidden(target.observe(None, seal))


@each_layout
@given(workspaces())
def test_a_pass_shows_no_secret_on_the_day_it_is_declared_one(layout: Layout, workspace: Workspace) -> None:
    undeclared = {
        key: replace(definition, secret_fields=frozenset(), fields={"host": SECRET} | dict(definition.fields))
        for key, definition in workspace.definitions.items()
        if key.kind == "connection"
    }
    declared = {
        key: replace(definition, secret_fields=DECLARED["connection"] | {("host",)})
        for key, definition in undeclared.items()
    }
    target = MemoryTarget(layout)
    sync(replace(workspace, definitions=undeclared), target, given=given_values(workspace))
    one = plan(replace(workspace, definitions=declared), target, given=given_values(workspace))
    assert_hidden(one.plan, *one.plan.changes)


@each_layout
@pytest.mark.parametrize("key", [Key("connection", "x"), Key("variable", "x")])
def test_the_sentinel_is_there_to_be_found(layout: Layout, key: Key) -> None:
    """Or the tests here would prove nothing."""
    fields = {"value": SECRET} if key.kind == "variable" else {"conn_type": "http", "extra": {"a": {"token": SECRET}}}
    definition = Definition(key, fields, DECLARED[key.kind], link_all=True)
    workspace = Workspace("analytics", ("dev",), {"a": Deployment("a", "dev", ("files",))}, {key: definition})
    target = MemoryTarget(layout)
    sync(workspace, target)
    assert any(SECRET in text for held in target.objects.values() for text in held.texts.values())


@given(workspaces())
def test_what_a_guard_holds_shows_no_secret(workspace: Workspace) -> None:
    layout = LAYOUTS[0]
    target = MemoryTarget(layout)
    sync(workspace, target, given=given_values(workspace))
    one = plan(replace(workspace, definitions={}), target)
    guarded = guard(one.plan, of={}, item=layout.item, deployment=layout.deployment, asked=frozenset())
    assert_hidden(guarded, guarded.digest, *guarded.hold.values())


@given(workspaces(), workspaces())
def test_edits_show_no_secret(one: Workspace, other: Workspace) -> None:
    assert_hidden(
        edits(one, other), *edits(replace(one, definitions={}), one), *edits(one, replace(one, definitions={}))
    )
    assert_hidden(news(one, other))


@given(workspaces())
def test_edits_show_no_secret_on_the_day_it_is_declared_one(workspace: Workspace) -> None:
    before = replace(
        workspace,
        definitions={
            key: replace(definition, secret_fields=frozenset(), fields={"host": SECRET} | dict(definition.fields))
            for key, definition in workspace.definitions.items()
            if key.kind == "connection"
        },
    )
    after = replace(
        before,
        definitions={
            key: replace(definition, secret_fields=DECLARED["connection"] | {("host",)})
            for key, definition in before.definitions.items()
        },
    )
    assert_hidden(*edits(before, after))


@given(workspaces())
def test_an_explanation_shows_no_secret(workspace: Workspace) -> None:
    for item in some.ITEMS:
        explanation = explain(workspace, item)
        if explanation is not None:
            assert_hidden(explanation, *map(displayed, explanation.fields))
            definition = winner(workspace, item)
            assert definition is not None
            assert_hidden(definition, merge(layers(definition, workspace.deployments[item.deployment])))


ANYWHERE: list[Fields] = [
    {"port": SECRET},
    {"port": [SECRET]},
    {"host": [SECRET]},
    {"extra": SECRET},
    {"extra": [SECRET]},
    {"password": {"a": SECRET}},
    {"password": f"{SECRET}\udcff"},
    {"extra": {"token": f"{SECRET}\udcff"}},
    {"extra": {"": SECRET}},
    {"extra": {"a": [Reference("env", "X"), SECRET]}},
    {"unknown": SECRET},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fields", ANYWHERE)
def test_what_is_wrong_with_a_value_is_told_without_it(kind: str, fields: Fields) -> None:
    """A value may stand in the wrong place: it is shown in none."""
    found = list(problems(kind, fields))
    assert found
    assert_hidden(*found)
    definition = Definition(Key(kind, "x"), fields, environments={"dev": fields}, links={"a": fields})
    workspace = Workspace("analytics", ("dev",), {"a": Deployment("a", "dev")}, {definition.key: definition})
    assert_hidden(*check(workspace), definition, workspace)


@pytest.mark.parametrize("field", KINDS["connection"].fields)
def test_what_a_reference_gave_is_shown_in_no_error(field: str) -> None:
    reference = Reference("env", "X")
    value: Any = {"a": reference} if field == "extra" else reference
    definition = Definition(Key("connection", "x"), {"conn_type": "http", field: value}, link_all=True)
    workspace = Workspace("analytics", ("dev",), {"a": Deployment("a", "dev")}, {definition.key: definition})
    resolution = fill(resolve(workspace, EVERYTHING), {reference: SECRET})
    assert_hidden(resolution, *resolution.blocked.values())


@pytest.mark.parametrize(
    "error",
    [
        FixError(Reason.REFERENCE_REFUSED, "env:X", "isn't among what definitions may read here", "allow it"),
        WaitError(Reason.UNAVAILABLE, "vault", "doesn't answer"),
        Problems([FixError(Reason.NOT_FOUND, "a", "isn't there")]),
    ],
    ids=["fix", "wait", "problems"],
)
def test_an_error_shows_what_it_was_given_and_nothing_else(error: SyncError) -> None:
    """Not even what was at hand when it was raised."""
    password = SECRET
    try:
        raise error
    except SyncError as caught:
        assert_hidden_in(caught)
        assert password


@pytest.mark.parametrize(
    "envelope",
    [{"password": SECRET}, {"format": SECRET}, {"format": 2, "layers": {"link": {"password": SECRET}}}],
)
def test_an_envelope_that_cannot_be_read_is_not_shown(envelope: dict[str, Any]) -> None:
    for reading in (decode, lambda envelope, subject: read([envelope], subject)):
        with pytest.raises(FixError) as caught:
            reading(envelope, "x")
        assert_hidden(caught.value, caught.value.args)


@pytest.mark.parametrize("parse", [Reference.parse, undotted, int])
def test_a_text_that_cannot_be_parsed_is_not_shown_by_ours(parse: Any) -> None:
    """As a password typed where a reference or a path belongs; `int` shows why that is worth a test."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(f"{SECRET}..{SECRET}")
    assert (SECRET in str(caught.value)) == (parse is int)


def test_a_change_that_is_refused_shows_no_value() -> None:
    key = Key("connection", "x")
    workspace = Workspace("analytics", ("dev",), {"a": Deployment("a", "dev")}, {})
    workspace = changes.add_definition(workspace, Definition(key, {"password": SECRET}))
    refused: list[Callable[[], Workspace]] = [
        lambda: changes.add_definition(workspace, Definition(key, {"password": SECRET})),
        lambda: changes.update_definition(workspace, key._replace(id="y"), {("password",): SECRET}),
        lambda: changes.update_definition(workspace, key, {("password",): SECRET}, remove=[("host",)]),
        lambda: changes.link(workspace, key, "gone", {("password",): SECRET}),
        lambda: changes.override(workspace, key, environment="gone", values={("password",): SECRET}),
    ]
    for change in refused:
        with pytest.raises(SyncError) as caught:
            change()
        assert_hidden(caught.value, caught.value.args)
