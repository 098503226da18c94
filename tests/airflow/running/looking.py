"""What runs inside Airflow in these tests: operators and a trigger that write down what they could look up."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async  # type: ignore[import-not-found]  # comes with Airflow

try:
    from airflow.sdk import BaseHook, BaseOperator, Variable
except ImportError:
    from airflow.hooks.base import BaseHook
    from airflow.models import Variable
    from airflow.models.baseoperator import BaseOperator

log = logging.getLogger("looking")


def record(name: str, seen: dict[str, Any]) -> None:
    """Write down what was seen, whole or not at all."""
    path = Path(os.environ["RECORDS"], f"{name}.json")
    partial = path.with_name(f".{name}-{os.getpid()}")
    partial.write_text(json.dumps({**seen, "pid": os.getpid()}))
    partial.replace(path)


def fields(connection: Any) -> dict[str, Any]:
    """A connection as JSON."""
    names = ("conn_type", "host", "login", "password", "schema", "port")
    return {**{name: getattr(connection, name) for name in names}, "extra": connection.extra_dejson}


def outcome(look: Callable[[], Any]) -> Any:
    """What a look came to: a value, or the error."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  it is what a test asks about
        return {"error": type(error).__name__, "message": str(error)}


def connection(conn_id: str) -> Any:
    """A connection as JSON, or the error."""
    return outcome(lambda: fields(BaseHook.get_connection(conn_id)))


class Look(BaseOperator):  # type: ignore[misc]
    """Looks up in a task, and says its secrets aloud."""

    def execute(self, context: Any) -> None:
        found = BaseHook.get_connection("warehouse")
        for secret in (
            found.password,
            found.extra_dejson["blob"],
            found.extra_dejson["lines"],
            Variable.get("licence"),
        ):
            sys.stdout.write(f"PRINTED {secret}\n")
            log.warning("LOGGED %s", secret)
        names = ("warehouse", "Lake/é", "central", "fallback", "torn", "theirs")
        record(
            "task",
            {
                "connections": {name: connection(name) for name in names},
                "variables": {key: outcome(partial(Variable.get, key)) for key in ("region", "empty", "theirs")},
            },
        )
        sys.stdout.write("ALL LOOKED UP\n")


class Looking(BaseTrigger):  # type: ignore[misc]
    """Looks up in a triggerer, in each way that there is."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "looking.Looking", {}

    async def run(self) -> AsyncIterator[Any]:
        seen = {
            "in the event loop": connection("warehouse"),
            "in a thread": await sync_to_async(connection)("warehouse"),
        }
        if hasattr(BaseHook, "aget_connection"):
            seen["awaited"] = fields(await BaseHook.aget_connection("warehouse"))
        log.warning("LOGGED %s", seen["in a thread"].get("extra", {}).get("blob"))
        record("trigger", seen)
        yield TriggerEvent("looked up")


class Defer(BaseOperator):  # type: ignore[misc]
    """Waits for the trigger, then looks up in a task again."""

    def execute(self, context: Any) -> None:
        self.defer(trigger=Looking(), method_name="resume")

    def resume(self, context: Any, event: Any = None) -> None:
        record("resumed", {"warehouse": connection("warehouse")})
