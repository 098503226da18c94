"""Environment objects, as Astro's API lists them: links stay links, and overrides of a link its overrides.

The API hides secrets unless it is asked to show them: what it says is set (`setFields`) and doesn't give is told, and
never taken for empty. Deployments stand there by their ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from syncd.core.model import KINDS, Definition, Fields, Key, Path
from syncd.definitions.problems import Location, Problem, gathered
from syncd.imports import values
from syncd.imports.found import Found, Reading
from syncd.imports.objects import json_value
from syncd.imports.values import Unfit

_KINDS = {"CONNECTION": "connection", "AIRFLOW_VARIABLE": "variable"}
_PARTS = {"connection": "connection", "variable": "airflowVariable"}
_HIDDEN = "its secret isn't in the answer", "ask the API with showSecrets=true, or set it by hand"
_NAMES = {"conn_type": "type"}


def astro(text: str, file: str) -> Found:
    """A list of environment objects, or an answer that holds one. Raises Problems."""
    answer = json_value(text, file)
    objects = answer.get("environmentObjects") if isinstance(answer, dict) else answer
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        problem = Problem(Location(file), ("environmentObjects",), "isn't a list of environment objects")
        raise gathered([problem])
    reading = Reading(file)
    for one in objects:
        _take(reading, one)
    if isinstance(answer, dict) and isinstance(total := answer.get("totalCount"), int) and total > len(objects):
        reading.tell("isn't the whole answer: it has further pages", "give the files of all of them")
    return reading.found()


def among(found: Found, names: Mapping[str, str], known: Mapping[str, Any], file: str) -> Found:
    """The same with our names for its deployments: as `names` has them, else the id where that is one of `known`.

    A definition that names a deployment unknown here, or two that are one here, is told and left out.
    """
    definitions, problems = {}, list(found.problems)
    owners = Counter(_mapped(one, names).key for one in found.definitions.values())
    for one in found.definitions.values():
        mentioned = {*one.links, *one.exclude, one.key.owner} - {""}
        unknown = sorted(name for name in mentioned if names.get(name, name) not in known)
        for name in unknown:
            words = f"names {name}, which is no deployment here", f"say which one it is: --map {name}=DEPLOYMENT"
            problems.append(Problem(Location(file), (KINDS[one.key.kind].plural, one.key.id), *words))
        mapped = _mapped(one, names)
        if len({names.get(name, name) for name in mentioned}) < len(mentioned) or owners[mapped.key] > 1:
            words = "is of two deployments that --map makes one", "map one of the two to another"
            problems.append(Problem(Location(file), (KINDS[one.key.kind].plural, one.key.id), *words))
        elif not unknown:
            definitions[mapped.key] = mapped
    return Found(definitions, tuple(problems), found.notes)


def alone(found: Found, file: str) -> Found:
    """The same as what one deployment has: what is the workspace's, with links, is told and left out."""
    definitions, problems = {}, list(found.problems)
    for one in found.definitions.values():
        if one.links or one.exclude or one.link_all:
            words = (
                "has links, so this is no single deployment's",
                "leave DEPLOYMENT= away, or ask with resolveLinked=true",
            )
            problems.append(Problem(Location(file), (KINDS[one.key.kind].plural, one.key.id), *words))
        else:
            key = one.key._replace(owner="")
            definitions[key] = replace(one, key=key)
    return Found(definitions, tuple(problems), found.notes)


def _mapped(one: Definition, names: Mapping[str, str]) -> Definition:
    return replace(
        one,
        key=one.key._replace(owner=names.get(one.key.owner, one.key.owner)),
        links={names.get(name, name): patch for name, patch in one.links.items()},
        exclude=frozenset(names.get(name, name) for name in one.exclude),
    )


def _take(reading: Reading, one: Mapping[str, Any]) -> None:
    id_, type_ = one.get("objectKey"), one.get("objectType")
    if not isinstance(id_, str) or not isinstance(type_, str):
        reading.tell("has no objectKey or no objectType", path=("environmentObjects",))
        return
    if type_ not in _KINDS:
        words = "is no connection and no Airflow variable"
        reading.tell(words, path=("environmentObjects", id_))
        return
    kind = _KINDS[type_]
    key = Key(kind, id_)
    try:
        if one.get("scope") == "DEPLOYMENT":
            key = Key(kind, id_, _deployment(one))
        definition, left_out = _definition(key, one)
    except Unfit as unfit:
        reading.unfit(key, unfit)
    except (AttributeError, KeyError, TypeError):
        reading.refuse(key, "isn't of the form that Astro's API gives")
    else:
        reading.take(definition, left_out)


def _definition(key: Key, one: Mapping[str, Any]) -> tuple[Definition, tuple[Path, ...]]:
    part = one.get(_PARTS[key.kind]) or {}
    raw = _raw(key.kind, part)
    if key.kind == "connection" and one.get("description"):
        raw["description"] = one["description"]
    secret = frozenset(_secret(key.kind, part))
    _refuse_hidden(key.kind, raw, one.get("setFields") or (), secret, ())
    whole = values.connection(raw, key.id) if key.kind == "connection" else _variable(raw)
    links: dict[str, Fields] = {}
    left_out = list(whole.left_out)
    for link in one.get("links") or ():
        name = _deployment(link)
        patch = _raw(key.kind, _overrides(key.kind, link))
        _refuse_hidden(key.kind, patch, link.get("setFields") or (), secret, ("links", name))
        taken = values.patch(patch) if key.kind == "connection" else _variable(patch)
        links[name] = taken.fields
        left_out += (("links", name, *path) for path in taken.left_out)
    exclude = frozenset(_deployment(link) for link in one.get("excludeLinks") or ())
    link_all = bool(one.get("autoLinkDeployments"))
    # An exclusion says nothing where nothing links to all, and a link is the stronger word.
    exclude -= links.keys()
    return Definition(key, whole.fields, secret, {}, links, link_all, exclude), tuple(left_out)


def _deployment(of: Mapping[str, Any]) -> str:
    """Raises TypeError where it isn't named."""
    name = of["scopeEntityId"]
    if not isinstance(name, str) or not name:
        raise TypeError
    return name


def _overrides(kind: str, link: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the API answers (`connectionOverrides`), or as it is asked to set them (`overrides`, by part or at once)."""
    part = _PARTS[kind]
    told = link.get(f"{part}Overrides")
    if told is None:
        told = link.get("overrides") or {}
        told = told.get(part, told)
    return told or {}


def _raw(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: _NAMES.get(name, name) for name in KINDS[kind].fields}
    return {name: part[theirs] for name, theirs in names.items() if part.get(theirs) is not None}


def _variable(raw: Mapping[str, Any]) -> values.Taken:
    if not raw:
        return values.Taken({})
    if not isinstance(raw["value"], str):
        raise Unfit((("value",), "a text is wanted here", ""))
    return values.Taken(values.variable(raw["value"]))


def _secret(kind: str, part: Mapping[str, Any]) -> Iterator[Path]:
    """What Astro says is secret beyond our rule."""
    if kind == "variable" and part.get("isSecret"):
        yield ("value",)
    for parameter in (part.get("connectionAuthType") or {}).get("parameters") or ():
        if parameter.get("isSecret") and parameter.get("isInExtra"):
            yield ("extra", parameter["airflowParamName"])


def _refuse_hidden(kind: str, raw: Mapping[str, Any], set_fields: Any, secret: frozenset[Path], at: Path) -> None:
    """Raises Unfit where a field is set and not given, or a secret one comes out empty."""
    empty = {("password",), *secret} if kind == "connection" else secret
    names = {name: ours for ours, name in _NAMES.items()}
    said: set[Path] = {(names.get(head, head), *rest) for head, *rest in (str(name).split(".") for name in set_fields)}
    hidden = {path for path in said if not _shown(raw, path, empty=path not in empty)}
    hidden |= {path for path in empty if _at(raw, path) == ""}
    if kind == "variable" and not at and ("value",) in secret and "value" not in raw:
        hidden.add(("value",))
    if hidden:
        raise Unfit(*(((*at, *path), *_HIDDEN) for path in sorted(hidden)))


def _shown(raw: Mapping[str, Any], path: Path, *, empty: bool) -> bool:
    found = _at(raw, path)
    # A key of `extra` may hold dots of its own: what is set is told with dots between.
    if found is None and path[0] == "extra" and isinstance(raw.get("extra"), Mapping):
        found = raw["extra"].get(".".join(path[1:]))
    return found is not None and (empty or found != "")


def _at(raw: Any, path: Path) -> Any:
    for name in path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw
