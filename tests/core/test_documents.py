"""What lies in a target: envelopes, marks, views that show no secret, what was observed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.documents import Document, Mark, Observed, Place, Stamp, decode, encode, read_mark, view
from syncd.core.errors import FixError, Reason, WaitError
from syncd.core.merge import leaves
from syncd.core.secrets import is_secret
from tests import strategies as some
from tests.core.memory import MARK, seal

paths = st.lists(some.keys, min_size=1, max_size=3).map(tuple)


@given(some.whole, st.frozensets(paths, max_size=3))
def test_a_view_has_every_leaf_a_plain_one_as_json_and_a_secret_as_a_digest(
    content: dict[str, Any], secret: frozenset[tuple[str, ...]]
) -> None:
    found = view(Document(content, secret), seal)
    there = dict(leaves(content))
    assert found.keys() == there.keys()
    for path, shown in found.items():
        if is_secret(path, secret):
            assert shown.startswith("hmac:")
        else:
            assert json.loads(shown) == there[path]


@given(some.whole, some.whole)
def test_two_documents_have_one_view_where_they_hold_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    views = [view(Document(content), seal) for content in (one, other)]
    assert (views[0] == views[1]) == (sorted_text(one) == sorted_text(other))


def sorted_text(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


@given(some.whole)
def test_the_order_of_keys_is_no_difference(content: dict[str, Any]) -> None:
    secret = frozenset({("token",), ("a", "b")})
    turned = Document(some.shuffled(content), secret)
    assert view(turned, seal) == view(Document(content, secret), seal)


def test_a_secret_that_differs_differs_in_its_view() -> None:
    one, other, empty = (
        view(Document({"password": value}, frozenset({("password",)})), seal) for value in ("1", "2", "")
    )
    assert len({found["password",] for found in (one, other, empty)}) == 3


def test_one_secret_in_two_fields_has_two_digests() -> None:
    """Whoever sees a plan can't see that two passwords are the same one."""
    secret = frozenset({("a",), ("b",)})
    found = view(Document({"a": "x", "b": "x"}, secret), seal)
    assert found["a",] != found["b",]


def test_no_plain_leaf_looks_like_a_digest() -> None:
    assert view(Document({"a": "hmac:0"}), seal) == {("a",): '"hmac:0"'}


def test_an_empty_document_has_an_empty_view() -> None:
    assert view(Document({}), seal) == {}


@given(some.whole, st.booleans())
def test_an_envelope_gives_mark_and_content_back(content: dict[str, Any], marked: bool) -> None:
    content = {"layers": content}
    envelope = json.loads(encode(Document(content), MARK if marked else None))
    assert envelope["format"] == 1
    assert ("mark" in envelope) == marked
    assert decode(envelope, "x") == (MARK if marked else None, content)


def test_an_envelope_holds_text_as_it_is() -> None:
    """Readable for people, and no longer than need be."""
    assert "pä\U0001f600ss" in encode(Document({"layers": {"link": {"host": "pä\U0001f600ss"}}}), None)


def test_decoding_changes_nothing() -> None:
    """A source may hand out the same envelope again."""
    envelope = {"format": 1, "mark": MARK._asdict(), "layers": {}}
    decode(envelope, "x")
    assert envelope.keys() == {"format", "mark", "layers"}


@pytest.mark.parametrize("format_", [None, "1", True, 1.0, [1]])
def test_what_has_no_format_is_no_document_of_ours(format_: object) -> None:
    envelope = {"format": format_, "password": some.SENTINEL} if format_ is not None else {"password": some.SENTINEL}
    with pytest.raises(FixError) as caught:
        decode(envelope, "a/b")
    assert caught.value.reason is Reason.INVALID_DOCUMENT
    assert str(caught.value) == "a/b: is no document of ours: it has no format"


def test_a_newer_format_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FixError) as caught:
        decode({"format": 2}, "a/b")
    assert caught.value.reason is Reason.NEWER_DOCUMENT
    assert str(caught.value) == "a/b: has format 2, and this release reads 1; upgrade airflow-shared-connections here"


@given(st.builds(Mark, st.text(), st.text(), st.text(), st.integers(0)))
def test_a_mark_round_trips(mark: Mark) -> None:
    assert read_mark(json.loads(json.dumps(mark._asdict()))) == mark


@pytest.mark.parametrize(
    "value",
    [
        None,
        "registry-1",
        [],
        {},
        {"instance": "a", "workspace": "b", "target": "c"},
        {"instance": "a", "workspace": "b", "target": "c", "revision": "1"},
        {"instance": "a", "workspace": "b", "target": "c", "revision": True},
        {"instance": 1, "workspace": "b", "target": "c", "revision": 1},
    ],
)
def test_anything_else_is_no_mark(value: object) -> None:
    assert read_mark(value) is None


def test_a_mark_may_have_more_to_say() -> None:
    """A later release may add to it."""
    assert read_mark(MARK._asdict() | {"more": 1}) == MARK


def test_the_same_registry_wrote_for_the_same_workspace_and_target_at_any_revision() -> None:
    assert MARK.same_owner(MARK._replace(revision=99))
    assert not MARK.same_owner(None)
    for other in (MARK._replace(instance="x"), MARK._replace(workspace="x"), MARK._replace(target="x")):
        assert not MARK.same_owner(other)


def test_what_was_observed_again_replaces_what_was_known_of_those_objects_alone() -> None:
    error = WaitError(Reason.UNAVAILABLE, "c", "doesn't answer")
    known = Observed(
        {Place("a", "1"): {}, Place("a", "2"): {}, Place("b"): {}, Place("c"): {}},
        {name: Stamp(MARK, "1") for name in "abc"},
        {"d": error, "e": error},
    )
    newer = Observed({Place("a", "3"): {}, Place("d"): {}}, {name: Stamp(MARK, "2") for name in "ad"}, {"c": error})
    found = known.updated(newer, frozenset("acd"))
    assert found.views.keys() == {Place("a", "3"), Place("b"), Place("d")}
    assert {name: stamp.version for name, stamp in found.stamps.items()} == {"a": "2", "b": "1", "d": "2"}
    assert found.unread == {"c": error, "e": error}


def test_what_is_gone_is_known_no_more() -> None:
    known = Observed({Place("a"): {}}, {"a": Stamp(MARK, "1")}, {"b": WaitError(Reason.BUSY, "b", "p")})
    assert known.updated(Observed(), frozenset("ab")) == Observed()


def test_a_place_is_called_by_its_object_and_key() -> None:
    assert str(Place("a/b")) == "a/b"
    assert str(Place("a/b", "c")) == "a/b#c"
