"""What importing costs a process, in fresh interpreters: nothing until the first lookup, and never a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("airflow")
from tests.airflow.documents import Shared
from tests.airflow.processes import environment, python

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

LAZY = """
import json, sys
import airflow.configuration, airflow.secrets
before = set(sys.modules)
from airflow_plugin import SharedConnectionsBackend
backend = SharedConnectionsBackend(**json.loads(sys.argv[1]))
made = set(sys.modules) - before
assert backend.get_config("sql_alchemy_conn") is None
configured = set(sys.modules) - before
assert backend.get_conn_value("warehouse")
looked = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([sorted(made), sorted(configured - made), sorted(looked - set(sys.stdlib_module_names))]))
"""

OURS_FIRST = """
from airflow_plugin import SharedConnectionsBackend
import airflow.configuration, json
print(json.dumps([type(one) is SharedConnectionsBackend for one in airflow.configuration.secrets_backend_list]))
"""


def test_making_one_imports_nothing_and_a_lookup_only_what_is_ours(shared: Shared, tmp_path: Path) -> None:
    env = environment(tmp_path, {}, AIRFLOW__SECRETS__BACKEND="")

    made, configured, looked = python(LAZY, json.dumps(shared.kwargs()), env=env)

    assert {"airflow_plugin.backend"} <= set(made) <= {"airflow_plugin", "airflow_plugin.backend"}
    assert configured == []
    assert {"airflow_plugin", "syncd"} <= set(looked) <= {"airflow_plugin", "syncd", "airflow"}


def test_it_can_be_imported_before_airflow_is_and_whatever_is_configured(tmp_path: Path) -> None:
    assert python(OURS_FIRST, env=environment(tmp_path, '{"deployment": ["", ')) == [True, False, False]
