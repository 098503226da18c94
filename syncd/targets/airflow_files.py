"""The two files per deployment that Airflow's LocalFilesystemBackend reads, and the manifest beside them, as bytes.

Airflow's files have no room for a mark, so the manifest says whose they are, and what in them is secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.airflow_form import file_text
from syncd.core.documents import FORMAT, Mark, Place, Seal, View, read_mark, refuse_newer, view
from syncd.core.layouts.airflow import AirflowFiles, file_value, found_document
from syncd.core.model import Path
from syncd.core.plan import Write

MANIFEST = ".syncd.json"


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a file: whose it is, of which content it speaks, and the secret paths by id."""

    mark: Mark | None = None
    digest: str = ""
    secrets: Mapping[str, frozenset[Path]] = field(default_factory=dict)


def read_manifest(content: bytes | None, subject: str) -> dict[str, Entry]:
    """The entries by file; none for a manifest that somebody broke. Raises FixError for one of a newer format."""
    manifest = parsed(content or b"{}")
    refuse_newer(manifest.get("format"), subject)
    objects = manifest.get("objects")
    return {name: _entry(told) for name, told in objects.items()} if isinstance(objects, dict) else {}


def write_manifest(entries: Mapping[str, Entry]) -> bytes:
    """The inverse of `read_manifest`."""
    objects = {
        name: {
            "mark": entry.mark and entry.mark._asdict(),
            "digest": entry.digest,
            "secrets": {id_: sorted(map(list, paths)) for id_, paths in sorted(entry.secrets.items())},
        }
        for name, entry in sorted(entries.items())
    }
    return (json.dumps({"format": FORMAT, "objects": objects}, ensure_ascii=False, indent=2) + "\n").encode()


def views(name: str, content: bytes, entry: Entry, seal: Seal) -> Mapping[Place, View]:
    """What a file holds, by id. Where the manifest doesn't speak of this content, all of it is taken for secret."""
    known = entry.digest == _digest(content)
    found: dict[Place, View] = {Place(name): {}}
    for id_, value in parsed(content).items():
        place = Place(name, id_)
        secrets = entry.secrets.get(id_, frozenset[Path]()) if known else None
        found[place] = _view(place, value, secrets, seal)
    return found


def patched(layout: AirflowFiles, write: Write, content: bytes, entry: Entry, mark: Mark) -> tuple[bytes, Entry] | None:
    """A file with a write's keys put and dropped, and its entry; None where the file goes, with the last of ours."""
    values = {id_: value for id_, value in parsed(content).items() if id_ and id_ not in write.drop}
    secrets = {id_: paths for id_, paths in entry.secrets.items() if id_ in values}
    for id_, document in write.put.items():
        if id_:
            values[id_] = file_value(Place(write.object, id_), document)
            secrets[id_] = document.secret
    if "" in write.drop and not any(layout.item(Place(write.object, id_)) for id_ in values):
        return None
    new = file_text(dict(sorted(values.items()))).encode()
    return new, Entry(mark, _digest(new), secrets)


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object in a file that anybody may have edited; an empty one for anything else."""
    try:
        value = json.loads(content)
        if b"\\u" in content:  # as it may stand for half a character, which nothing can store
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _entry(told: Any) -> Entry:
    if not isinstance(told, dict):
        return Entry()
    secrets = told.get("secrets")
    paths = {id_: _paths(some) for id_, some in secrets.items()} if isinstance(secrets, dict) else {}
    return Entry(read_mark(told.get("mark")), str(told.get("digest")), paths)


def _paths(told: Any) -> frozenset[Path]:
    some = told if isinstance(told, list) else []
    return frozenset(tuple(map(str, path)) for path in some if isinstance(path, list))


def _view(place: Place, value: Any, secrets: frozenset[Path] | None, seal: Seal) -> View:
    try:
        return view(found_document(place, value, secrets), seal)
    except RecursionError:
        return {}


def _digest(content: bytes) -> str:
    # Needs no key: it lies beside what it speaks of.
    return hashlib.sha256(content).hexdigest()
