"""What a machine itself says of connections, which wins; and what a child is told instead of its own settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from syncd.core import ids
from syncd.core.airflow_form import FORMS
from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import KINDS, Item
from syncd.exports.names import problem, variable
from syncd.laptop.copies import Copy

_SECTIONS = (("SECRETS", "BACKEND", "BACKEND_KWARGS"), ("WORKERS", "SECRETS_BACKEND", "SECRETS_BACKEND_KWARGS"))
"""Where Airflow is told of a secrets backend; the second since 3.0, for its workers."""


class Given(NamedTuple):
    """Names of `AIRFLOW_CONN_…` and `AIRFLOW_VAR_…` that are set, each with where."""

    names: Mapping[str, str]

    def items(self, items: Iterable[Item]) -> Mapping[Item, str]:
        """Those of these items that are set, and where: the name of an id in an environment is in capitals."""
        named = ((item, self.names.get(variable(item))) for item in items)
        return {item: where for item, where in named if where is not None}


NOTHING = Given({})
"""Whoever writes a file takes all of it."""


def given(environ: Mapping[str, str], dotenv: Mapping[str, str]) -> Given:
    """What stands in the environment, and in a `.env` beside."""
    prefixes = tuple(form.prefix for form in FORMS.values())
    found = {name: ".env" for name in dotenv if name.startswith(prefixes)}
    return Given({**found, **{name: "the environment" for name in environ if name.startswith(prefixes)}})


def replaced(environ: Mapping[str, str], backend: str, kwargs: Mapping[str, Any]) -> dict[str, str]:
    """This environment with our backend in place of whatever it has: a laptop never reads what production's would."""
    named = {f"AIRFLOW__{section}__{key}" for section, *keys in _SECTIONS for key in keys}
    kept = {name: value for name, value in environ.items() if _without_ending(name) not in named}
    for section, name, arguments in _SECTIONS:
        kept[f"AIRFLOW__{section}__{name}"] = backend
        kept[f"AIRFLOW__{section}__{arguments}"] = json.dumps(kwargs) if backend else ""
    return kept


def _without_ending(name: str) -> str:
    """Airflow may be told a setting by a command, or by the name of a secret."""
    return name.removesuffix("_CMD").removesuffix("_SECRET")


def variables(copy: Copy) -> tuple[dict[str, str], Mapping[Item, SyncError]]:
    """A copy as environment variables, and what an environment can't hold."""
    held: dict[str, str] = {}
    left: dict[Item, SyncError] = {}
    names: dict[str, Item] = {}
    for item, fields in copy.whole:
        name, text = variable(item), FORMS[item.kind].text(fields)
        wrong = problem(name, text)
        if name in names:
            wrong = f"has the same name in an environment as {names[name].id}"
        if wrong:
            left[item] = FixError(Reason.NOT_HOLDABLE, str(item), wrong, "leave --as env away")
        else:
            held[name], names[name] = text, item
    return held, left


def overridden(folder: Path | None, items: Iterable[Item]) -> Iterator[Item]:
    """The items that a folder of local layers says something of."""
    for item in items:
        if folder is not None and (folder / KINDS[item.kind].plural / f"{ids.encode(item.id)}.json").is_file():
            yield item
