"""Workspaces that pass `core.checks.check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from syncd.core.checks import is_mask
from syncd.core.model import KINDS, SCHEMES, Definition, Deployment, Key, Path, Reference, Workspace

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
"""Of workspaces, environments and deployments."""

_ODD = (
    *("", "no", "null", "~", "0123", "12:30", "1_000", "1e3", "true", "-", "a: b", "a #b", "<<", "=", " a ", "a\nb\n"),
    *(
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "'",
        '"',
        "\\",
        "\0",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "😀",
        "|",
        ">",
        "---",
        "...",
    ),
    *("a\n\n", "\n", "a\r\nb", "\ta", "[", "{a: b}", "a\n b\n  c", "a \nb", "\n a"),
)
texts = st.sampled_from(_ODD) | st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not is_mask(text))
references = st.builds(Reference, st.sampled_from(SCHEMES), texts.filter(bool))
_keys = st.sampled_from(["a", "token", "a.b", "no", "1"]) | texts.filter(
    lambda text: bool(text) and not text.startswith("$")
)
_numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_keys, children, max_size=3),
    max_leaves=6,
)
extras = st.dictionaries(
    _keys,
    st.recursive(_json | references, lambda children: st.dictionaries(_keys, children, max_size=3), max_leaves=6),
    max_size=4,
)
_VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "text": st.none() | texts | references,
    "port": st.none() | st.integers(1, 65535) | references,
    "object": st.none() | extras,
}
_ids: Mapping[str, st.SearchStrategy[str]] = {
    "connection": st.from_regex(r"[\w#!()\-.:/\\]{1,12}", fullmatch=True),
    "variable": (texts | st.text(min_size=200, max_size=250)).filter(KINDS["variable"].valid_id),
}


def patches(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of a definition or of an override."""
    values = {name: _VALUES[type_] for name, type_ in KINDS[kind].fields.items()}
    return st.fixed_dictionaries({}, optional=values)


def _secret_fields(kind: str) -> st.SearchStrategy[frozenset[Path]]:
    row = KINDS[kind]
    paths: list[st.SearchStrategy[Path]] = [st.sampled_from([(name,) for name in row.fields])]
    paths += [
        st.lists(_keys, max_size=2).map(lambda keys, name=name: (name, *keys))  # type: ignore[misc]
        for name, type_ in row.fields.items()
        if type_ == "object"
    ]
    return st.frozensets(st.one_of(paths), max_size=2)


@st.composite
def definitions(draw: st.DrawFn, owners: tuple[str, ...], environments: tuple[str, ...]) -> Definition:
    kind = draw(st.sampled_from(sorted(KINDS)))
    owner = draw(st.sampled_from(["", *owners]))
    key = Key(kind, draw(_ids[kind]), owner)
    fields, secret = draw(patches(kind)), draw(_secret_fields(kind))
    if owner:
        return Definition(key, fields, secret)

    def some(among: tuple[str, ...]) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
        return st.dictionaries(st.sampled_from(among), patches(kind), max_size=2) if among else st.just({})

    links = draw(some(owners))
    return Definition(
        key,
        fields,
        secret,
        environments=draw(some(environments)),
        links=links,
        link_all=draw(st.booleans()),
        exclude=frozenset(name for name in owners if name not in links and draw(st.booleans())),
    )


@st.composite
def workspaces(draw: st.DrawFn) -> Workspace:
    environments = tuple(draw(st.lists(names, max_size=3, unique=True)))
    targets = st.lists(texts.filter(lambda text: text != ""), max_size=2, unique=True).map(tuple)
    owners = tuple(draw(st.lists(names, max_size=3, unique=True))) if environments else ()
    deployments = {name: Deployment(name, draw(st.sampled_from(environments)), draw(targets)) for name in owners}
    found = draw(st.lists(definitions(owners, environments), max_size=4))
    return Workspace(
        name=draw(names),
        environments=environments,
        deployments=deployments,
        definitions={definition.key: definition for definition in found},
        revision=draw(st.integers(0, 9)),
    )
