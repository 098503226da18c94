"""DAGs that ask for a connection while they are parsed, in a task, in a trigger and after it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from looking import Defer, Look, connection, record  # type: ignore[import-not-found]  # on a worker's PYTHONPATH

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

record("parse", {"warehouse": connection("warehouse")})

with DAG(
    "looks",
    schedule="@once",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    is_paused_upon_creation=False,
    # The scheduler may be there before the API server is, and takes that for a failure of the task.
    default_args={"retries": 100, "retry_delay": timedelta(seconds=1)},
):
    Look(task_id="look") >> Defer(task_id="defer")

with DAG("look", schedule=None):
    Look(task_id="look")
