"""A secrets backend for Airflow that merges shared connections with a deployment's overrides.

[secrets]
backend = airflow_plugin.SharedConnectionsBackend
backend_kwargs = {"workspace": "analytics", "deployment": "etl-dev", "path": "/srv/airflow/shared"}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_plugin.backend import SharedConnectionsBackend

__all__ = ["SharedConnectionsBackend"]


def __getattr__(name: str) -> Any:
    # Lazily, so that the provider's entry point can be read where Airflow isn't fully imported yet.
    if name == "SharedConnectionsBackend":
        # Airflow first: while it is imported it makes the backends that are configured, and finds ours half imported
        # where ours was what imported Airflow.
        import airflow  # noqa: F401

        from airflow_plugin.backend import SharedConnectionsBackend

        return SharedConnectionsBackend
    raise AttributeError(name)
