"""What `airflow providers` shows of this distribution."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Provider metadata, as Airflow's `provider_info.schema.json` has it."""
    return {
        "package-name": "airflow-shared-connections",
        "name": "Shared Connections",
        "description": "Define a connection once, link it to deployments, override a field where one differs.",
        "secrets-backends": ["airflow_plugin.SharedConnectionsBackend"],
    }
