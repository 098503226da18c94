"""The merge: what comes out of layers, where each field came from, and what trimming keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.canonical import text
from syncd.core.merge import LAYERS, Layer, leaves, merge, trim
from syncd.core.model import Path
from tests import strategies as some


def rfc_7396(target: Any, patch: Any) -> Any:
    """MergePatch as section 2 of the RFC has it, word for word."""
    if isinstance(patch, dict):
        target = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                target.pop(name, None)
            else:
                target[name] = rfc_7396(target.get(name), value)
        return target
    return patch


def merged(*patches: Mapping[str, Any]) -> Mapping[str, Any]:
    return merge(map(Layer, LAYERS, patches)).fields


# RFC 7396, appendix A, as far as both sides are objects.
APPENDIX_A: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
# The others, where one side is none: below a key, as a layer holds them.
APPENDIX_A_BELOW_A_KEY: list[tuple[Any, Any, Any]] = [
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, "bar", "bar"),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
]


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX_A)
def test_appendix_a_of_rfc_7396(target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]) -> None:
    assert merged(target, patch) == result


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX_A_BELOW_A_KEY)
def test_appendix_a_of_rfc_7396_below_a_key(target: Any, patch: Any, result: Any) -> None:
    assert merged({"extra": target}, {"extra": patch}) == {"extra": result}


def test_a_null_in_the_lowest_layer_unsets_as_in_any_other() -> None:
    """Here the RFC's example `{"e": null}` differs: there is no value below the lowest layer that could hold a null."""
    assert merged({"e": None}, {"a": 1}) == {"a": 1}


@given(st.lists(some.patches, max_size=4))
def test_the_merge_is_the_rfc_folded_from_the_lowest_layer_up(patches: list[dict[str, Any]]) -> None:
    expected: Any = {}
    for patch in patches:
        expected = rfc_7396(expected, patch)
    assert text(merged(*patches)) == text(expected)


@given(some.free_layers, st.integers(0, 4), st.sampled_from(LAYERS))
def test_an_empty_layer_changes_nothing(layers: tuple[Layer, ...], at: int, name: str) -> None:
    assert merge([*layers[:at], Layer(name, {}), *layers[at:]]) == merge(layers)


@given(some.free_layers, st.integers(0, 4))
def test_folding_a_prefix_first_changes_nothing(layers: tuple[Layer, ...], at: int) -> None:
    prefix = Layer("definition", merge(layers[:at]).fields)
    assert text(merge([prefix, *layers[at:]]).fields) == text(merge(layers).fields)


def test_layers_are_not_combined_among_themselves_first() -> None:
    """Merge patches don't compose: unset, then an empty object, isn't the object."""
    below, unset, again = {"extra": {"a": 1}}, {"extra": None}, {"extra": {"b": 2}}
    assert merged(below, unset, again) == {"extra": {"b": 2}}
    assert merged(below, rfc_7396(unset, again)) == {"extra": {"a": 1, "b": 2}}


def test_null_unsets_and_a_later_value_sets_again() -> None:
    assert merged({"host": "a"}, {"host": None}) == {}
    assert merged({"host": "a"}, {"host": None}, {"host": "b"}) == {"host": "b"}


@given(some.free_layers)
def test_no_null_comes_out(layers: tuple[Layer, ...]) -> None:
    assert all(value is not None for _, value in leaves(merge(layers).fields))


def test_null_absent_and_empty_text_are_three_things() -> None:
    assert merged({"host": "a"}, {"host": ""}) == {"host": ""}
    assert merged({"host": "a"}, {"host": None}) == {}
    assert merged({"host": "a"}, {}) == {"host": "a"}


@pytest.mark.parametrize("value", [False, 0, "", [], 0.0])
def test_a_value_that_is_false_is_a_value(value: Any) -> None:
    assert merged({"extra": {"a": "x"}}, {"extra": {"a": value}}) == {"extra": {"a": value}}


@given(some.free_layers)
def test_provenance_names_the_layer_of_each_leaf_that_is_there_and_of_none_that_is_not(
    layers: tuple[Layer, ...],
) -> None:
    effective = merge(layers)
    assert effective.origin.keys() == {path for path, _ in leaves(effective.fields)}


@given(some.free_layers)
def test_provenance_is_the_uppermost_layer_that_gives_the_leaf(layers: tuple[Layer, ...]) -> None:
    effective = merge(layers)
    for path, value in leaves(effective.fields):
        if value != {}:  # which may also be what an upper layer left of an object
            giving = [layer.name for layer in layers if text(at(layer.fields, path)) == text(value)]
            assert effective.origin[path] == giving[-1]


def at(fields: Any, path: Path) -> Any:
    for part in path:
        fields = fields.get(part) if isinstance(fields, dict) else None
    return fields


def test_an_object_that_an_upper_layer_empties_is_of_that_layer() -> None:
    effective = merge([Layer("definition", {"extra": {"a": {"b": 1}}}), Layer("link", {"extra": {"a": {"b": None}}})])
    assert (effective.fields, effective.origin) == ({"extra": {"a": {}}}, {("extra", "a"): "link"})


def test_an_empty_object_stays_of_its_layer_where_an_upper_one_unsets_what_was_never_in_it() -> None:
    effective = merge([Layer("definition", {"extra": {}}), Layer("link", {"extra": {"a": None}})])
    assert effective.origin == {("extra",): "definition"}


@pytest.mark.parametrize("value", [None, 1, [], "x"])
def test_a_value_or_a_null_in_place_of_an_object_forgets_all_of_its_leaves(value: Any) -> None:
    effective = merge(
        [Layer("definition", {"extra": {"a": {"b": 1, "c": {}}}}), Layer("link", {"extra": {"a": value}})]
    )
    assert effective.origin == ({("extra",): "link"} if value is None else {("extra", "a"): "link"})


def test_an_object_in_place_of_a_value_forgets_the_value() -> None:
    effective = merge([Layer("definition", {"extra": {"a": 1}}), Layer("link", {"extra": {"a": {"b": 2}}})])
    assert (effective.fields, effective.origin) == ({"extra": {"a": {"b": 2}}}, {("extra", "a", "b"): "link"})


@given(some.free_layers)
def test_merging_changes_none_of_its_layers(layers: tuple[Layer, ...]) -> None:
    before = text([[layer.name, layer.fields] for layer in layers])
    merge(layers)
    trim(layers)
    assert text([[layer.name, layer.fields] for layer in layers]) == before


@given(some.free_layers)
def test_the_order_of_keys_in_a_layer_never_matters(layers: tuple[Layer, ...]) -> None:
    turned = [Layer(layer.name, some.shuffled(layer.fields)) for layer in layers]
    assert text(merge(turned).fields) == text(merge(layers).fields)
    assert merge(turned).origin == merge(layers).origin
    assert {layer.name: text(layer.fields) for layer in trim(turned)} == {
        layer.name: text(layer.fields) for layer in trim(layers)
    }


@given(some.free_layers)
def test_trimmed_layers_merge_to_what_whole_ones_do(layers: tuple[Layer, ...]) -> None:
    assert text(merge(trim(layers)).fields) == text(merge(layers).fields)
    assert merge(trim(layers)).origin == merge(layers).origin


@given(some.free_layers.map(lambda layers: layers[:3]), some.patches)
def test_trimmed_layers_merge_to_what_whole_ones_do_with_any_local_on_top(
    layers: tuple[Layer, ...], local: dict[str, Any]
) -> None:
    whole, trimmed = merge([*layers, Layer("local", local)]), merge([*trim(layers), Layer("local", local)])
    assert text(trimmed.fields) == text(whole.fields)
    assert trimmed.origin == whole.origin


@given(some.free_layers)
def test_trimmed_layers_are_disjoint_without_a_null_or_an_empty_layer_and_in_order(layers: tuple[Layer, ...]) -> None:
    trimmed = trim(layers)
    paths = [path for layer in trimmed for path, _ in leaves(layer.fields)]
    assert len(paths) == len(set(paths))
    assert all(value is not None for layer in trimmed for _, value in leaves(layer.fields))
    assert all(layer.fields for layer in trimmed)
    order = [LAYERS.index(layer.name) for layer in trimmed]
    assert order == sorted(order)


@given(some.free_layers)
def test_trimming_again_changes_nothing(layers: tuple[Layer, ...]) -> None:
    assert text([layer.fields for layer in trim(trim(layers))]) == text([layer.fields for layer in trim(layers)])


def test_what_an_upper_layer_replaces_is_not_in_trimmed_layers() -> None:
    layers = [Layer("definition", {"password": "dev", "host": "h"}), Layer("environment", {"password": "prod"})]
    assert trim(layers) == (Layer("definition", {"host": "h"}), Layer("environment", {"password": "prod"}))


def test_what_an_upper_layer_unsets_is_not_in_trimmed_layers() -> None:
    assert trim([Layer("definition", {"password": "dev"}), Layer("link", {"password": None, "host": "h"})]) == (
        Layer("link", {"host": "h"}),
    )


def test_leaves_are_values_lists_empty_objects_and_nulls() -> None:
    patch = {"a": {"b": 1, "c": {}}, "d": [{"e": 1}], "f": None, "g": {}}
    assert dict(leaves(patch)) == {("a", "b"): 1, ("a", "c"): {}, ("d",): [{"e": 1}], ("f",): None, ("g",): {}}


def test_the_repr_of_a_layer_shows_its_name_alone() -> None:
    assert repr(Layer("link", {"password": "x"})) == "Layer('link', …)"
