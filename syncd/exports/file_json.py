"""`connections.json` and `variables.json`, as `LocalFilesystemBackend` of Airflow 2.11 to 3.3 reads them.

Both, always: it fails at each lookup where a file that it was told of is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.core.airflow_form import FORMS, file_text
from syncd.core.model import KINDS
from syncd.exports.rendered import Items, Rendered


def render(items: Items) -> Rendered:
    """Two files, an id per line."""
    return Rendered({f"{name}.json": file_text(values) for name, values in by_plural(items).items()})


def by_plural(items: Items) -> Mapping[str, Mapping[str, Any]]:
    """What stands under each id, for each kind."""
    found: dict[str, dict[str, Any]] = {row.plural: {} for row in KINDS.values()}
    for item, fields in items:
        form = FORMS[item.kind]
        found[KINDS[item.kind].plural][item.id] = form.in_file(form.fields(fields))
    return found
