"""Tell Airflow's log maskers about secrets that it wouldn't mask by itself."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import quote

_MASKERS = ("airflow.sdk.log", "airflow._shared.secrets_masker", "airflow.utils.log.secrets_masker")
"""The Task SDK's (Airflow 3.0), which tells the supervisor too; the core's (3.1); Airflow 2's."""

_SHORTEST = 5
"""Characters of a text that is masked although nobody wrote it so: shorter ones stand in any log by chance."""


def mask(secrets: Iterable[Any]) -> bool:
    """Mask these values in every log of this process, and of what supervises it.

    Never raises: False where a masker couldn't be reached, or may not have been.
    """
    texts = sorted({form for secret in secrets for text in _texts(secret) for form in _forms(text)})
    reached = True
    for masker in maskers() if texts else ():
        for text in texts:
            try:
                masker.mask_secret(text)
            except Exception:  # noqa: BLE001  Airflow 3.0 tells its supervisor, and can't from an event loop
                reached = False
    return reached and not _in_event_loop()


def _in_event_loop() -> bool:
    # There Airflow 3.1 and 3.2 can't tell their supervisor, which writes a trigger's log, and don't say so.
    asyncio = sys.modules.get("asyncio")  # not imported, where nothing else has
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001  it is exported


@cache  # an import that fails takes its lock each time, and a child that is forked meanwhile waits for it for ever
def maskers() -> tuple[ModuleType, ...]:
    """Airflow's modules that have a `mask_secret`."""
    found = []
    for name in _MASKERS:
        with suppress(ImportError):
            found.append(importlib.import_module(name))
    return tuple(module for module in found if hasattr(module, "mask_secret"))


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value: itself, or whatever its lists and objects hold."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)
    elif not isinstance(value, bool) and len(str(value)) >= _SHORTEST:
        yield str(value)


def _forms(text: str) -> Iterator[str]:
    """A text as it may stand in a log: as it is, line by line, inside JSON, inside a URI."""
    if text:
        yield text
    escaped = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], quote(text, safe=""))
    lines = (line.strip() for line in text.splitlines())
    yield from (form for form in (*escaped, *lines) if len(form) >= _SHORTEST)
