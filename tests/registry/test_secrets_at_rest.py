"""What lies on the disk: no secret, and none that can be moved to where somebody else reads it."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Definition, Key, Workspace
from syncd.registry import database, encryption, keys, workspaces
from syncd.registry.database import Registry, writing
from tests.registry import registries
from tests.registry.registries import NAME, connection, save, workspace
from tests.strategies import SENTINEL

SECRETS: Mapping[str, Any] = {
    "password": SENTINEL,
    "extra": {"token": f"{SENTINEL}-1", "nested": {"api_key": f"{SENTINEL}-2"}, "list": [{"secret": f"{SENTINEL}-3"}]},
}


def full(number: int = 0) -> Workspace:
    """A secret everywhere that one can stand."""
    one = connection(
        "warehouse",
        host="visible-host",
        **SECRETS,
        links={"etl": {"password": f"{SENTINEL}-4 {number}"}, "bi": {"extra": {"private_key": f"{SENTINEL}-5"}}},
    )
    one = Definition(one.key, one.fields, frozenset({("login",)}), {"prod": {"login": f"{SENTINEL}-6"}}, one.links)
    declared = Definition(Key("variable", "motto"), {"value": f"{SENTINEL}-7"}, frozenset({("value",)}), link_all=True)
    told = Definition(Key("variable", "api_token"), {"value": f"{SENTINEL}-8"}, link_all=True)
    own = connection("own", owner="etl", password=f"{SENTINEL}-9")
    return workspace(one, declared, told, own, etl="dev", bi="prod")


def hidden(folder: Path) -> bool:
    found = registries.on_disk(folder)
    assert b"visible-host" in found
    return not any(form in found for form in forms(SENTINEL))


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may stand somewhere: as it is, and where a longer text was encoded, its middle."""
    yield secret.encode()
    yield secret.encode().hex().encode()
    for start in range(3):
        yield base64.b64encode(b"x" * start + secret.encode())[4:-4]


@registries.SQLITE
def test_no_secret_is_in_the_database_nor_its_log(registry: Registry, folder: Path) -> None:
    save(registry, full())
    assert (folder / "registry.db-wal").stat().st_size
    assert hidden(folder)
    registry.engine.dispose()
    assert hidden(folder)


@registries.SQLITE
def test_no_secret_is_on_the_disk_after_changes_a_rollback_and_a_rotation(registry: Registry, folder: Path) -> None:
    save(registry, full())
    save(registry, full(1))
    registries.rollback(registry, 1)
    keys.add(registry)
    keys.rotate(registry)
    assert hidden(folder)


def test_a_secret_is_read_back(registry: Registry, folder: Path) -> None:
    save(registry, full())
    with registries.opened(folder) as again:
        assert workspaces.load(again, NAME).definitions == full().definitions


def test_equal_secrets_are_encrypted_differently(registry: Registry) -> None:
    save(registry, workspace(connection("a", password="same"), connection("b", password="same")))
    with database.reading(registry.engine) as connection_:
        found = list(connection_.execute(text("SELECT sealed FROM parts WHERE sealed IS NOT NULL")).scalars())
    assert len(set(found)) == 2


@pytest.mark.parametrize(
    ("taken", "given"),
    [
        ("id = 'a' AND revision = 1", "id = 'b' AND noun = 'definition'"),
        ("id = 'a' AND revision = 1", "noun = 'link'"),
        ("id = 'a' AND revision = 1", "id = 'a' AND revision = 2"),
    ],
    ids=["another definition's", "a link's", "a later revision's"],
)
def test_a_secret_that_was_moved_is_refused(registry: Registry, taken: str, given: str) -> None:
    save(registry, workspace(connection("a", password="old")))
    other = connection("b", password="b", links={"etl": {"password": "l"}})
    save(registry, workspace(connection("a", password="new"), other, etl="dev"))
    with writing(registry.engine) as connection_:
        connection_.execute(
            text(f"UPDATE parts SET sealed = (SELECT sealed FROM parts WHERE {taken}) WHERE {given}")  # noqa: S608
        )
    with pytest.raises(FixError, match="was moved there from another place") as caught:
        workspaces.load(registry, NAME)
    assert caught.value.reason is Reason.WRONG_KEY


def test_a_secret_of_another_workspace_is_refused(registry: Registry) -> None:
    for name in (NAME, "finance"):
        save(registry, workspace(connection("a", password=name)), name=name)
    with writing(registry.engine) as connection_:
        connection_.execute(
            text(
                "UPDATE parts SET sealed ="
                " (SELECT sealed FROM parts WHERE workspace = 'finance' AND sealed IS NOT NULL)"
                " WHERE workspace = 'analytics' AND sealed IS NOT NULL"
            )
        )
    with pytest.raises(FixError, match="was moved there"):
        workspaces.load(registry, NAME)


def test_a_secret_that_was_tampered_with_is_refused(registry: Registry) -> None:
    save(registry, workspace(connection("a", password=SENTINEL)))
    with writing(registry.engine) as connection_:
        connection_.execute(text("UPDATE parts SET sealed = 'gAAAA' || substr(sealed, 6, 40)"))
    with pytest.raises(FixError) as caught:
        workspaces.load(registry, NAME)
    assert caught.value.reason is Reason.WRONG_KEY


def test_a_wrong_key_is_refused_when_the_registry_is_opened(registry: Registry, folder: Path) -> None:
    encryption.write_keys(folder / "keys", [encryption.new_key()])
    with pytest.raises(FixError, match="holds no key that this registry was encrypted with") as caught:
        database.open_registry(registries.url(folder), registries.keys(folder))
    assert caught.value.reason is Reason.WRONG_KEY
    assert str(folder / "keys") in str(caught.value)


def test_what_holds_a_registry_shows_no_key(registry: Registry) -> None:
    for shown in (repr(registry), repr(registry.keys), str(registry)):
        assert registry.keys.texts[0] not in shown


def test_a_digest_is_keyed_and_the_same_for_the_registrys_whole_life(
    registry: Registry, folder: Path, template: Path, tmp_path: Path
) -> None:
    with registries.opened(folder) as again:
        assert again.seal(SENTINEL) == registry.seal(SENTINEL)
    other = tmp_path / "other"
    other.mkdir()
    registries.make(other)
    with registries.opened(other) as another:
        assert another.seal(SENTINEL) != registry.seal(SENTINEL)


def failures(registry: Registry) -> Iterator[SyncError]:
    """What goes wrong inside the database."""
    for statement in (
        "INSERT INTO workspaces VALUES ('?', 1), ('?', 1)",
        "INSERT INTO nowhere VALUES ('?')",
        "?",
    ):
        for transaction in (database.writing, database.reading):
            try:
                with transaction(registry.engine) as connection_:
                    connection_.execute(text(statement.replace("?", SENTINEL)))
            except SyncError as error:
                yield error


def test_an_error_of_the_database_tells_no_statement_and_no_value(registry: Registry) -> None:
    found = list(failures(registry))
    assert len(found) == 6
    for error in found:
        told = "".join(traceback.format_exception(error))
        assert SENTINEL not in told
        assert "INSERT" not in told
        assert isinstance(error, WaitError)


def test_values_that_are_bound_are_in_no_error(registry: Registry) -> None:
    with pytest.raises(SyncError) as caught, writing(registry.engine) as connection_:
        connection_.execute(text("INSERT INTO workspaces VALUES (:name, NULL)"), {"name": SENTINEL})
    assert SENTINEL not in "".join(traceback.format_exception(caught.value))
