"""`connections.yaml` and `variables.yaml`, as `LocalFilesystemBackend` of Airflow 2.11 to 3.3 reads them."""

from __future__ import annotations

from syncd.exports.file_json import by_plural
from syncd.exports.rendered import Items, Rendered
from syncd.exports.yaml_text import dumped


def render(items: Items) -> Rendered:
    """Two files, always both."""
    return Rendered({f"{name}.yaml": dumped(values) for name, values in by_plural(items).items()})
