"""Previews, synced: what is a higher environment's by now doesn't stay with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from syncd.core import changes
from syncd.core.model import Definition, Deployment, Reference, Workspace
from tests.strategies import SENTINEL
from tests.sync.world import AIRFLOW, BASE, LAKE, LAYERED, World, document, held

PREVIEW = Deployment("pr-1", "dev", ("files",), "etl")


def previewed(fields: dict[str, Any], **more: Any) -> Workspace:
    """`Lake` with these fields, and `pr-1` of etl."""
    here = replace(BASE, definitions={LAKE: Definition(LAKE, {"conn_type": "aws", **fields}, **more)})
    return changes.add_deployment(here, PREVIEW)


def there(world: World) -> str:
    """All that lies there for the preview."""
    return "".join(content.decode() for name, content in world.files().items() if "/pr-1/" in name)


@pytest.mark.parametrize("layout", [LAYERED, AIRFLOW])
def test_what_is_productions_now_goes_though_the_rest_cannot_be_read(
    template: Path, tmp_path: Path, layout: str
) -> None:
    world = World.make(template, tmp_path / "home", layout)
    token = {"token": Reference("env", "TOKEN")}
    world.save(previewed({"password": "tell-nobody-else", "extra": token}, links={"etl": {}}))
    world.sync()
    assert "tell-nobody-else" in there(world)

    world.change(lambda here: changes.link(here, LAKE, "bi", {("extra", "token"): None}))
    del world.environ["TOKEN"]
    one = world.sync()
    assert "tell-nobody-else" not in there(world)
    assert one.prepared is not None
    assert any("pr-1/Lake: " in warning for warning in one.prepared.warnings)
    if layout == LAYERED:
        assert held(one).keys() == {document("etl", LAKE)}
        assert "env:TOKEN: isn't set" in there(world)

    world.environ["TOKEN"] = SENTINEL
    world.sync()
    assert ("is a secret of environment prod" in there(world)) is (layout == LAYERED)


def test_a_deployment_that_is_productions_now_takes_its_secrets_from_previews_of_others(world: World) -> None:
    here = previewed({"password": SENTINEL}, link_all=True)
    here = replace(here, deployments={"etl": here.deployments["etl"], "pr-1": PREVIEW})
    world.save(changes.add_deployment(here, Deployment("late", "dev", ("other",))))
    world.sync()
    assert SENTINEL in there(world)

    world.change(lambda here: changes.update_deployment(here, "late", environment="prod", targets=("files",)))
    world.sync()
    assert SENTINEL not in there(world)
