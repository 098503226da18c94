from __future__ import annotations

import pathlib

import pytest
import yaml

from syncd.definitions import nodes, writing


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Files are named by relative paths, as people name them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["libyaml", "python"])
def either_yaml(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML comes with libyaml or without."""
    if request.param == "python":
        monkeypatch.setattr(nodes, "_LOADER", yaml.SafeLoader)
        monkeypatch.setattr(writing, "_DUMPER", yaml.SafeDumper)
    elif not yaml.__with_libyaml__:
        pytest.skip("this PyYAML has no libyaml")
