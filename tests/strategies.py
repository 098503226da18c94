"""Values of the core, drawn by Hypothesis: small alphabets, so that names meet and layers touch the same fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import strategies as st

from syncd.core.checks import is_mask
from syncd.core.merge import LAYERS, Layer
from syncd.core.model import KINDS, Definition, Deployment, Fields, Item, Key, Path, Reference, Workspace

SENTINEL = "tell-nobody"
"""Stands in every secret place, and nowhere else."""

# Text that UTF-8 can hold. Some of it is what looks alike to a careless program: "", "null", "1".
_any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda text: not is_mask(text))
texts = _any_text | st.sampled_from(["", "null", "1", "true", "é"])

# Few keys, so that patches meet; among them ones that are told secret by their name, and ones that need a quote.
_few_keys = st.sampled_from(["a", "b"])
_telling_keys = st.sampled_from(["host", "token", "x.y", 'say "hi"', "Ä"])
_any_key = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
keys = st.one_of(_few_keys, _few_keys, _few_keys, _telling_keys, _any_key.filter(lambda key: not key.startswith("$")))

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | texts
nonnull_scalars = scalars.filter(lambda value: value is not None)

json_values = st.recursive(
    scalars, lambda child: st.lists(child, max_size=3) | st.dictionaries(keys, child, max_size=3), max_leaves=8
)
lists = st.lists(json_values, max_size=3)

references = st.builds(
    Reference, st.sampled_from(["env", "file"]), st.sampled_from(["WAREHOUSE", "/run/secrets/x", "A:B"])
)


def objects(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with these leaves, and objects in them, the empty one too."""
    inner = st.dictionaries(keys, leaf | st.dictionaries(keys, leaf, max_size=2), max_size=2)
    return st.dictionaries(keys, leaf | inner, max_size=3)


patches = objects(scalars | lists)
"""Any JSON Merge Patch."""

whole = objects(nonnull_scalars | lists)
"""A patch that unsets nothing: an object as it may lie anywhere."""

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)

_AWKWARD_IDS = [".", "..", "a/b", "A", "a", "a_B", "team:db", "é", "É", "\ufb01", "\u2163", "\U0001d518", ".a", "-"]
conn_ids = st.from_regex(r"[\w#!()\-.:/\\]{1,8}", fullmatch=True) | st.sampled_from(_AWKWARD_IDS)
"""Ids as Airflow allows them for a connection."""

variable_keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.isprintable)

ids: Mapping[str, st.SearchStrategy[str]] = {"connection": conn_ids, "variable": variable_keys}

_LEAVES: Mapping[str, st.SearchStrategy[Any]] = {"text": texts | references, "port": st.integers(1, 65535) | references}
_REQUIRED = st.sampled_from(["postgres", "postgres", "http", "http", ""]) | references


@cache
def fields(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """A patch of this kind: each field absent, null, or a value, now and then a reference."""
    row = KINDS[kind]
    extra = objects(scalars | lists | references)
    return st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | (extra if type_ == "object" else _LEAVES[type_]) for name, type_ in row.fields.items()
        },
    )


def layers(kind: str) -> st.SearchStrategy[tuple[Layer, ...]]:
    """The layers below `local`, in their order."""
    return st.tuples(*(st.builds(Layer, st.just(name), fields(kind)) for name in LAYERS[:-1]))


free_layers = st.lists(patches, max_size=4).map(lambda some: tuple(map(Layer, LAYERS, some)))
"""Layers of any objects: the merge itself knows no fields."""

ENVIRONMENTS = ("dev", "prod")
DEPLOYMENTS = ("etl-dev", "etl-prod", "bi-prod")
_IDS: Mapping[str, tuple[str, ...]] = {"connection": ("warehouse", "Lake/1", "é"), "variable": ("region", "api token")}
KEYS = tuple(Key(kind, id_, owner) for kind, some in _IDS.items() for id_ in some for owner in ("", "etl-dev"))
ITEMS = tuple(Item(name, key.kind, key.id) for name in DEPLOYMENTS for key in KEYS if not key.owner)


@cache
def secret_fields(kind: str) -> st.SearchStrategy[frozenset[Path]]:
    """What a definition may declare: a text of it, or a key of its `extra`."""
    paths: list[st.SearchStrategy[Path]] = [st.sampled_from([(name,) for name in KINDS[kind].fields])]
    if "extra" in KINDS[kind].fields:
        paths.append(keys.map(lambda key: ("extra", key)))
    return st.frozensets(st.one_of(paths), max_size=2)


@cache
def definitions(key: Key) -> st.SearchStrategy[Definition]:
    """A definition of this key; where it is shared, with overrides and links."""
    patch = fields(key.kind)
    required = {KINDS[key.kind].required: "postgres"}
    sure = st.builds(lambda some, number: {**some, **required} if number < 5 else some, patch, st.integers(0, 5))
    if key.owner:
        return st.builds(Definition, st.just(key), sure, secret_fields(key.kind))
    return st.builds(
        Definition,
        st.just(key),
        sure,
        secret_fields(key.kind),
        environments=st.fixed_dictionaries({}, optional=dict.fromkeys(ENVIRONMENTS, patch)),
        links=st.fixed_dictionaries({}, optional=dict.fromkeys(DEPLOYMENTS, patch | st.just({}))),
        link_all=st.sampled_from([True, True, False]),
        exclude=st.frozensets(st.sampled_from(DEPLOYMENTS), max_size=2),
    ).map(lambda one: replace(one, exclude=one.exclude - one.links.keys()))


@st.composite
def workspaces(draw: st.DrawFn, *, revision: int = 1) -> Workspace:
    """A small workspace, all of it valid, though not every item of it can be resolved."""
    there = draw(st.lists(st.sampled_from(DEPLOYMENTS), min_size=2, unique=True))
    targets = st.sampled_from([("files",), ("files", "other"), ("other",)])
    deployments = {name: Deployment(name, draw(st.sampled_from(ENVIRONMENTS)), draw(targets)) for name in there}
    found = draw(st.lists(st.sampled_from(KEYS), min_size=2, max_size=6, unique=True))
    return Workspace(
        "analytics",
        ENVIRONMENTS,
        deployments,
        {key: _within(draw(definitions(key)), deployments) for key in found if not key.owner or key.owner in there},
        revision,
    )


def _within(definition: Definition, deployments: Mapping[str, Deployment]) -> Definition:
    return replace(
        definition,
        links={name: patch for name, patch in definition.links.items() if name in deployments},
        exclude=definition.exclude & deployments.keys(),
    )


def values(found: frozenset[Reference]) -> Mapping[Reference, str]:
    """What all references give: a text that does as a port, too."""
    return {reference: str(1 + len(str(reference))) for reference in found}


def shuffled(fields: Fields) -> Fields:
    """The same fields, their keys the other way round, at each depth."""
    return {
        name: shuffled(value) if isinstance(value, dict) else value for name, value in reversed(list(fields.items()))
    }
