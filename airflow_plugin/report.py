"""What `python -m airflow_plugin` says: a JSON document, and the same as text. No secret is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from airflow_plugin import configured
from airflow_plugin.lookup import Lookup, for_kwargs
from syncd.core.errors import FixError, Problems, Reason, SyncError
from syncd.core.explain import displayed, moved, shown
from syncd.core.layouts.lookup import Nameplate
from syncd.core.merge import leaves, merge
from syncd.core.model import dotted
from syncd.core.secrets import is_secret


def report(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Configuration, nameplate and these items, each a kind and an id. Never raises: what goes wrong is in it."""
    found: dict[str, Any] = {"ok": False, "items": [], "problems": []}
    _tell(found, lambda: _look(found, items))
    found["ok"] = not found["problems"] and all(item["linked"] for item in found["items"])
    return found


def _tell(found: dict[str, Any], step: Callable[[], None]) -> None:
    try:
        step()
    except SyncError as error:
        errors = error.errors if isinstance(error, Problems) else (error,)
    except Exception as error:  # noqa: BLE001  its message may hold a value
        errors = (FixError(Reason.INTERNAL, "airflow-shared-connections", type(error).__name__, "please report it"),)
    else:
        return
    found["problems"] += [
        {"reason": one.reason.value, "subject": one.subject, "problem": one.problem, "remedy": one.remedy}
        for one in errors
    ]


def _look(found: dict[str, Any], items: Iterable[tuple[str, str]]) -> None:
    given = configured.configured()
    found["configuration"] = {
        "option": given.option,
        "told_by": list(given.told_by),
        "backend_kwargs": configured.shown(given.kwargs),
    }
    lookup = for_kwargs(repr(given.kwargs), given.kwargs)
    _tell(found, lambda: _follow(found, lookup))
    plate = lookup.nameplate()
    found["nameplate"] = {
        "place": lookup.source.path(plate.place),
        "workspace": lookup.settings.address.workspace,
        "deployment": lookup.settings.address.deployment,
        "revision": plate.revision,
        "documents": plate.count,
        "found": _count(lookup, plate),
    }
    for kind, id_ in items:
        item: dict[str, Any] = {"kind": kind, "id": id_, "linked": None}
        found["items"].append(item)
        _tell(found, lambda item=item: _describe(lookup, item))  # type: ignore[misc]  # mypy can't infer a lambda with a default


def _count(lookup: Lookup, plate: Nameplate) -> int | None:
    """How many documents lie there; None where that isn't for this worker to see: lookups don't need it."""
    try:
        return lookup.count(plate)
    except FixError as error:
        if error.reason is not Reason.ACCESS_DENIED:
            raise
        return None


def _follow(found: dict[str, Any], lookup: Lookup) -> None:
    following = lookup.following(None)
    if following is not None:
        found["next"] = f"{type(following).__module__}.{type(following).__qualname__}"


def _describe(lookup: Lookup, item: dict[str, Any]) -> None:
    kind, id_ = item["kind"], item["id"]
    item["linked"] = lookup.find(kind, id_) is not None
    if not item["linked"]:
        return
    layers, secret = lookup.layers(kind, id_) or ((), frozenset())
    effective = merge(layers)
    item["fields"] = [
        {
            "path": dotted(path),
            "value": (one := shown(path, value, effective.origin[path], secret=is_secret(path, secret))).value,
            "text": displayed(one),
            "secret": one.secret,
            "layer": one.layer,
        }
        for path, value in leaves(effective.fields)
    ]
    item["warnings"] = list(moved(layers, secret))
    if "conn_type" in effective.fields:
        item["provider"] = _provider(effective.fields["conn_type"])


def _provider(conn_type: str) -> str | None:
    """The installed distribution that knows this conn_type."""
    wanted = conn_type.replace("-", "_")  # as Airflow does
    for entry_point in entry_points(group="apache_airflow_provider"):
        try:
            info = entry_point.load()()
        except Exception:  # noqa: BLE001, S112  a broken provider is another's business
            continue
        if any(row.get("connection-type") == wanted for row in info.get("connection-types", ())):
            return str(info.get("package-name"))
    return None


def as_text(found: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [line for line in _lines(found) if any(line)]
    widths = [max((len(line[column]) for line in lines if len(line) > column + 1), default=0) for column in (0, 1)]
    return "\n".join(
        "  ".join(_plain(cell).ljust(width) for cell, width in zip(line, (*widths, 0), strict=False)).rstrip()
        for line in lines
    )


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    if given := found.get("configuration"):
        yield given["option"], ", ".join(given["told_by"])
        yield from ((f"  {name}", str(value)) for name, value in given["backend_kwargs"].items())
    if "next" in found:
        yield "next", found["next"]
    if plate := found.get("nameplate"):
        yield "nameplate", plate["place"]
        yield from ((f"  {name}", str(plate[name])) for name in ("workspace", "deployment", "revision"))
        yield "  documents", _counted(plate["documents"], plate["found"], found["configuration"]["backend_kwargs"])
    for item in found["items"]:
        yield from _item_lines(item)
    for one in found["problems"]:
        yield "problem", f"{one['subject']}: {one['problem']}"
        yield "", one["remedy"]


def _counted(documents: int, found: int | None, kwargs: Mapping[str, Any]) -> str:
    if found is None:
        return f"{documents}; what is here this login may not list"
    # In Vault a tombstone lies for each that was removed.
    removed = ", removed ones among them" if kwargs.get("source") == "vault" and found > documents else ""
    return f"{documents}, and {found} are here{removed}"


def _item_lines(item: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield f"{item['kind']} {item['id']}", _LINKED[item["linked"]]
    yield from ((f"  {one['path']}", one["text"], f"<- {one['layer']}") for one in item.get("fields", ()))
    if "provider" in item:
        yield "  provider", item["provider"] or "none that is installed knows this conn_type"
    yield from (("  warning", warning) for warning in item.get("warnings", ()))


_LINKED = {True: "linked", False: "isn't linked", None: "can't be told"}


def _plain(text: str) -> str:
    # What an id or a value holds must not move the cursor.
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
