"""Changes to a workspace: only what was named is different, and what isn't there is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import changes
from syncd.core.canonical import text
from syncd.core.errors import FixError, Reason
from syncd.core.merge import leaves
from syncd.core.model import Definition, Deployment, Key, Path, Workspace
from tests import strategies as some

KEY = Key("connection", "warehouse")
OTHER = Key("connection", "lake")
EMPTY = Workspace("analytics", ("dev", "prod"), {name: Deployment(name, "dev", ("files",)) for name in ("a", "b")})


def holding(*definitions: Definition) -> Workspace:
    return replace(EMPTY, definitions={definition.key: definition for definition in definitions})


def of(fields: dict[str, Any] | None = None, **more: Any) -> Workspace:
    """`warehouse` as told, beside another definition that nothing here is about."""
    return holding(Definition(KEY, fields or {}, **more), Definition(OTHER, {"conn_type": "s3"}, link_all=True))


def changed(before: Workspace, after: Workspace) -> Definition:
    """The definition as it is now, nothing else being different."""
    assert replace(after, definitions=before.definitions) == before
    others = {key: one for key, one in before.definitions.items() if key != KEY}
    assert {key: one for key, one in after.definitions.items() if key != KEY} == others
    return after.definitions[KEY]


def refusal(change: Callable[[], object]) -> tuple[Reason, str]:
    with pytest.raises(FixError) as caught:
        change()
    return caught.value.reason, str(caught.value)


# Definitions


def test_a_definition_is_added() -> None:
    one = Definition(KEY, {"host": "h"})
    assert changed(EMPTY, changes.add_definition(EMPTY, one)) == one


def test_a_definition_that_is_there_is_not_added_again() -> None:
    reason, said = refusal(lambda: changes.add_definition(of(), Definition(KEY, {})))
    assert reason is Reason.REFUSED
    assert "is there already" in said


def test_an_own_definition_is_of_a_deployment_that_is_there() -> None:
    own = Definition(KEY._replace(owner="a"), {})
    assert own.key in changes.add_definition(of(), own).definitions
    reason, said = refusal(lambda: changes.add_definition(of(), Definition(KEY._replace(owner="gone"), {})))
    assert (reason, said) == (Reason.NOT_FOUND, "deployment gone: isn't in workspace analytics; it has a, b")


def test_fields_are_set_and_removed_and_the_others_stay() -> None:
    before = of({"host": "h", "login": "x", "extra": {"a": 1, "b": {"c": 2}}}, links={"a": {}}, link_all=True)
    after = changes.update_definition(
        before, KEY, {("host",): None, ("extra", "b", "d"): 3}, remove=[("login",)], secret=[("extra", "a")]
    )
    assert changed(before, after) == Definition(
        KEY,
        {"host": None, "extra": {"a": 1, "b": {"c": 2, "d": 3}}},
        frozenset({("extra", "a")}),
        links={"a": {}},
        link_all=True,
    )


def test_what_is_secret_stays_so() -> None:
    before = of({"host": "h"}, secret_fields=frozenset({("host",)}))
    after = changes.update_definition(before, KEY, {("login",): "x"}, secret=[("login",)])
    assert changed(before, after).secret_fields == {("host",), ("login",)}


def test_a_definition_is_deleted_with_its_links() -> None:
    before = of({"host": "h"}, links={"a": {}})
    assert changes.delete_definition(before, KEY) == replace(before, definitions={OTHER: before.definitions[OTHER]})


@pytest.mark.parametrize(
    "change",
    [
        lambda: changes.find_definition(EMPTY, KEY),
        lambda: changes.update_definition(EMPTY, KEY, {}),
        lambda: changes.delete_definition(EMPTY, KEY),
        lambda: changes.link(EMPTY, KEY, "a", {}),
        lambda: changes.unlink(EMPTY, KEY, "a"),
        lambda: changes.link_all(EMPTY, KEY, on=True),
        lambda: changes.exclude(EMPTY, KEY, "a", on=True),
        lambda: changes.override(EMPTY, KEY, environment="dev", values={}),
    ],
)
def test_a_definition_that_is_not_there_is_said(change: Callable[[], object]) -> None:
    assert refusal(change) == (
        Reason.NOT_FOUND,
        "connection warehouse: isn't in workspace analytics; `syncd connection list` shows what is",
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda: changes.find_deployment(EMPTY, "gone"),
        lambda: changes.link(of(), KEY, "gone", {}),
        lambda: changes.unlink(of(), KEY, "gone"),
        lambda: changes.exclude(of(), KEY, "gone", on=True),
        lambda: changes.override(of(), KEY, deployment="gone", values={}),
        lambda: changes.update_deployment(EMPTY, "gone"),
        lambda: changes.delete_deployment(EMPTY, "gone"),
    ],
)
def test_a_deployment_that_is_not_there_is_said(change: Callable[[], object]) -> None:
    assert refusal(change) == (Reason.NOT_FOUND, "deployment gone: isn't in workspace analytics; it has a, b")


# Links and overrides


def test_a_link_is_made_and_keeps_what_was_overridden_there() -> None:
    assert changed(of(), changes.link(of(), KEY, "a", {})).links == {"a": {}}
    before = of({}, links={"a": {"schema": "s"}, "b": {}})
    after = changes.link(before, KEY, "a", {("host",): "h"}, secret=[("host",)])
    assert changed(before, after).links == {"a": {"schema": "s", "host": "h"}, "b": {}}
    assert changed(before, after).secret_fields == {("host",)}


def test_what_excludes_a_deployment_is_not_linked_to_it() -> None:
    reason, said = refusal(lambda: changes.link(of({}, exclude=frozenset({"a"})), KEY, "a", {}))
    assert (reason, "--off" in said) == (Reason.REFUSED, True)


def test_a_link_is_taken_away_with_its_overrides() -> None:
    before = of({}, links={"a": {"host": "h"}, "b": {}}, link_all=True)
    assert changed(before, changes.unlink(before, KEY, "a")).links == {"b": {}}


def test_a_link_that_is_not_there_is_said_and_why() -> None:
    assert refusal(lambda: changes.unlink(of(), KEY, "a"))[0] is Reason.NOT_FOUND
    reason, said = refusal(lambda: changes.unlink(of({}, link_all=True), KEY, "a"))
    assert reason is Reason.REFUSED
    assert "`syncd exclude a warehouse`" in said


def test_a_command_that_a_refusal_names_can_be_typed_as_it_stands() -> None:
    key = Key("variable", "two words")
    out = holding(Definition(key, {"value": "x"}, link_all=True, exclude=frozenset({"a"})))
    linked = holding(Definition(key, {"value": "x"}, links={"a": {}}))
    everywhere = holding(Definition(key, {"value": "x"}, link_all=True))
    nowhere = holding(Definition(key, {"value": "x"}))
    for call, command in (
        (lambda: changes.link(out, key, "a", {}), "`syncd exclude a 'two words' --off --variable`"),
        (lambda: changes.unlink(everywhere, key, "a"), "`syncd exclude a 'two words' --variable`"),
        (lambda: changes.exclude(linked, key, "a", on=True), "`syncd unlink a 'two words' --variable`"),
        (lambda: changes.override(nowhere, key, deployment="a", values={}), "`syncd link a 'two words' --variable`"),
    ):
        assert command in refusal(call)[1]


def test_link_all_is_turned_on_and_off() -> None:
    on = changes.link_all(of(), KEY, on=True)
    assert changed(of(), on).link_all
    assert changes.link_all(on, KEY, on=False) == of()


def test_a_deployment_is_excluded_and_let_in_again() -> None:
    before = of({}, link_all=True)
    out = changes.exclude(before, KEY, "a", on=True)
    assert changed(before, out).exclude == {"a"}
    assert changes.exclude(out, KEY, "a", on=False) == before


def test_what_is_linked_is_not_excluded_and_what_is_not_excluded_is_not_let_in() -> None:
    assert refusal(lambda: changes.exclude(of({}, links={"a": {}}), KEY, "a", on=True))[0] is Reason.REFUSED
    assert refusal(lambda: changes.exclude(of(), KEY, "a", on=False))[0] is Reason.NOT_FOUND


def test_an_environments_override_is_set_and_removed() -> None:
    before = of({"host": "h"}, environments={"dev": {"host": "d"}})
    after = changes.override(before, KEY, environment="prod", values={("host",): "p"}, secret=[("host",)])
    assert changed(before, after).environments == {"dev": {"host": "d"}, "prod": {"host": "p"}}
    assert changed(before, after).secret_fields == {("host",)}
    gone = changes.override(before, KEY, environment="dev", values={}, remove=[("host",)])
    assert changed(before, gone).environments == {}


def test_an_environment_that_is_not_there_is_said() -> None:
    assert refusal(lambda: changes.override(of(), KEY, environment="test", values={})) == (
        Reason.NOT_FOUND,
        "environment test: isn't in this workspace; it has dev, prod",
    )


def test_a_links_override_is_set_and_removed_and_the_link_stays() -> None:
    before = of({"host": "h"}, links={"a": {"host": "x"}})
    after = changes.override(before, KEY, deployment="a", values={("schema",): "s"}, remove=[("host",)])
    assert changed(before, after).links == {"a": {"schema": "s"}}
    assert changes.override(after, KEY, deployment="a", values={}, remove=[("schema",)]).definitions[KEY].links == {
        "a": {}
    }


def test_an_override_where_link_all_links_makes_a_link() -> None:
    before = of({}, link_all=True)
    assert changed(before, changes.override(before, KEY, deployment="a", values={("host",): "x"})).links == {
        "a": {"host": "x"}
    }


def test_an_override_where_nothing_is_linked_is_refused() -> None:
    reason, said = refusal(lambda: changes.override(of(), KEY, deployment="a", values={("host",): "x"}))
    assert (reason, "`syncd link a warehouse`" in said) == (Reason.NOT_FOUND, True)


# Environments and deployments


def test_an_environment_is_added_as_the_highest_or_above_another() -> None:
    assert changes.add_environment(EMPTY, "live").environments == ("dev", "prod", "live")
    assert changes.add_environment(EMPTY, "staging", after="dev").environments == ("dev", "staging", "prod")


def test_an_environment_that_is_there_or_above_none_is_not_added() -> None:
    assert refusal(lambda: changes.add_environment(EMPTY, "dev"))[0] is Reason.REFUSED
    assert refusal(lambda: changes.add_environment(EMPTY, "x", after="gone"))[0] is Reason.NOT_FOUND


def test_an_environment_is_deleted_with_its_overrides() -> None:
    before = of({}, environments={"dev": {"host": "d"}, "prod": {"host": "p"}})
    after = changes.delete_environment(before, "prod")
    assert after.environments == ("dev",)
    assert after.definitions[KEY].environments == {"dev": {"host": "d"}}


def test_an_environment_that_is_in_use_or_not_there_is_not_deleted() -> None:
    assert refusal(lambda: changes.delete_environment(EMPTY, "dev")) == (
        Reason.REFUSED,
        "environment dev: is that of a, b; move or delete them first",
    )
    assert refusal(lambda: changes.delete_environment(EMPTY, "gone"))[0] is Reason.NOT_FOUND


def test_a_deployment_is_added_once() -> None:
    new = Deployment("c", "prod", ("vault",))
    assert changes.add_deployment(EMPTY, new).deployments == {**EMPTY.deployments, "c": new}
    assert refusal(lambda: changes.add_deployment(EMPTY, Deployment("a", "prod")))[0] is Reason.REFUSED


def test_a_deployment_is_changed_where_it_is_told() -> None:
    assert changes.update_deployment(EMPTY, "a") == EMPTY
    assert changes.update_deployment(EMPTY, "a", environment="prod").deployments["a"] == Deployment(
        "a", "prod", ("files",)
    )
    assert changes.update_deployment(EMPTY, "a", targets=()).deployments["a"] == Deployment("a", "dev")


def test_a_deployment_is_deleted_with_all_that_names_it() -> None:
    own = Definition(KEY._replace(owner="a"), {})
    before = holding(
        own,
        Definition(KEY, {"host": "h"}, links={"a": {}, "b": {}}),
        Definition(OTHER, {}, link_all=True, exclude=frozenset({"a"})),
    )
    after = changes.delete_deployment(before, "a")
    assert after.deployments.keys() == {"b"}
    assert after.definitions == {
        KEY: Definition(KEY, {"host": "h"}, links={"b": {}}),
        OTHER: Definition(OTHER, {}, link_all=True),
    }


# Leaves

paths = st.lists(some.keys, min_size=1, max_size=3).map(tuple)


def at(fields: Any, path: Path) -> Any:
    for part in path:
        fields = fields[part]
    return fields


@given(some.patches, paths, some.scalars)
def test_a_leaf_that_is_put_is_there_and_what_is_beside_it_stays(
    fields: dict[str, Any], path: Path, value: Any
) -> None:
    before = text(fields)
    result = changes.put(fields, {path: value})
    assert text(at(result, path)) == text(value)
    for other, old in leaves(fields):
        if other[: len(path)] != path and path[: len(other)] != other:
            assert text(at(result, other)) == text(old)
    assert text(fields) == before


@given(some.patches, paths, some.scalars)
def test_what_is_put_can_be_dropped(fields: dict[str, Any], path: Path, value: Any) -> None:
    put = changes.put(fields, {path: value})
    before = text(put)
    result = changes.dropped(put, [path], "x")
    assert path not in dict(leaves(result))
    assert text(put) == before


def test_an_object_is_put_into_the_one_that_is_there() -> None:
    fields = {"extra": {"a": {"b": 1}, "c": 2}}
    assert changes.put(fields, {("extra",): {"a": {"d": 3}, "c": {}}}) == {"extra": {"a": {"b": 1, "d": 3}, "c": {}}}
    assert changes.put({"extra": None}, {("extra",): {"a": 1}}) == {"extra": {"a": 1}}


def test_putting_changes_nothing_that_was_given() -> None:
    given_object: dict[str, Any] = {"a": 1}
    assert changes.put({}, {("extra",): given_object, ("extra", "b"): 2}) == {"extra": {"a": 1, "b": 2}}
    assert given_object == {"a": 1}


def test_an_object_that_dropping_leaves_empty_goes_too() -> None:
    fields = {"extra": {"a": {"b": {"c": 1}}, "d": {}}, "host": "h"}
    assert changes.dropped(fields, [("extra", "a", "b", "c")], "x") == {"extra": {"d": {}}, "host": "h"}
    assert changes.dropped({"extra": {"a": 1}}, [("extra", "a")], "x") == {}


@pytest.mark.parametrize("path", [("login",), ("extra", "b"), ("extra", "a", "b"), ("host", "x"), ("x", "y")])
def test_a_leaf_that_is_not_there_is_not_dropped(path: Path) -> None:
    reason, said = refusal(lambda: changes.dropped({"host": "tell-nobody", "extra": {"a": 1}}, [path], "connection x"))
    assert reason is Reason.NOT_FOUND
    assert said.startswith("connection x: doesn't set ")
    assert "tell-nobody" not in said
