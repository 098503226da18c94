"""Which connection does this deployment get? The same file in every deployment.

A run returns what its task got, secrets as "•••". A run with this conf also compares, and fails where a field differs:

    {"explained": {"warehouse": what `syncd explain DEPLOYMENT warehouse --output json` says,
                   "region": what `syncd explain DEPLOYMENT region --variable --output json` says},
     "digests": {"password": HMAC-SHA256 of the password that is expected}, "key": the digests' key}

No secret is in the conf, and none in what the task logs or returns.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

from airflow.sdk import BaseHook, Variable, dag, task

MASK = "•••"
FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port")


@dag(schedule=None)
def which_connection() -> None:
    @task
    def look(dag_run: Any = None) -> dict[str, Any]:
        connection = BaseHook.get_connection("warehouse")
        region = Variable.get("region")
        got = {"warehouse": fields(connection), "region": {"value": region}}

        wrong = list(differences(got, **dag_run.conf)) if dag_run.conf else []
        if wrong:
            raise ValueError(f"not as explained: {', '.join(wrong)}")  # by name: a value may be secret
        if "password" in got["warehouse"]:
            got["warehouse"]["password"] = MASK
        return got

    look()


def fields(connection: Any) -> dict[str, Any]:
    """What a connection holds, by path."""
    found = {name: getattr(connection, name) for name in FIELDS}
    found |= {f"extra.{key}": value for key, value in connection.extra_dejson.items()}
    return {path: value for path, value in found.items() if value is not None}


def differences(
    got: dict[str, dict[str, Any]], explained: dict[str, Any], digests: dict[str, str], key: str
) -> Iterator[str]:
    """Each field that differs, or is there on one side only."""
    for id_, mine in got.items():
        theirs = {field["path"]: field for field in explained[id_]["fields"]}
        for path in sorted(mine.keys() | theirs.keys()):
            if path not in mine or path not in theirs:
                yield f"{id_} {path}"
            elif not theirs[path]["secret"]:
                if mine[path] != theirs[path]["value"]:
                    yield f"{id_} {path}"
            elif hmac.new(key.encode(), mine[path].encode(), "sha256").hexdigest() != digests[path]:
                yield f"{id_} {path}"


which_connection()
