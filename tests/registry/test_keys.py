"""The keys: where they come from, and how they are changed without losing what they encrypt."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from syncd.core.errors import FixError, Reason
from syncd.core.model import Workspace
from syncd.registry import database, encryption, keys, workspaces
from syncd.registry.database import Registry, writing
from syncd.registry.encryption import Keys
from tests.registry import processes, registries
from tests.registry.registries import NAME, connection, save, workspace
from tests.strategies import SENTINEL


def full(number: int = 0) -> Workspace:
    links = {f"d{place}": {"password": f"{SENTINEL} {place}"} for place in range(number)}
    return workspace(connection("warehouse", password=SENTINEL, links={**links}), **dict.fromkeys(links, "dev"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert encryption.make_keys(tmp_path / "made")
        encryption.write_keys(tmp_path / "written", [encryption.new_key()])
    finally:
        os.umask(before)
    assert (mode(tmp_path / "made"), mode(tmp_path / "written")) == (0o600, 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "written"]


def test_a_key_file_that_is_there_is_never_made_again(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    assert encryption.make_keys(path)
    before = path.read_bytes()
    assert not encryption.make_keys(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


def test_of_processes_that_make_the_key_file_at_once_one_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    assert sorted(processes.at_once(encryption.make_keys, [(path,)] * 4)) == [False, False, False, True]
    assert len(encryption.load_keys(path, {}).texts) == 1


@pytest.mark.parametrize("others", [0o640, 0o604, 0o601, 0o620])
def test_a_key_file_that_others_can_open_is_refused(folder: Path, others: int) -> None:
    (folder / "keys").chmod(others)
    with pytest.raises(FixError, match="can be read by others; chmod 600") as caught:
        registries.keys(folder)
    assert caught.value.reason is Reason.WRONG_KEY


@pytest.mark.parametrize(
    "content",
    ["", "\n", SENTINEL, f"{'A' * 43}=\n{SENTINEL}\n", "\udcff"],
    ids=["empty", "blank", "text", "both", "bytes"],
)
def test_a_key_file_without_a_key_or_with_something_else_is_refused_and_not_quoted(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(FixError) as caught:
        encryption.load_keys(path, {})
    assert caught.value.reason is Reason.WRONG_KEY
    assert caught.value.remedy
    assert SENTINEL not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_key_file_that_is_not_there_is_named_and_no_second_one_is_advised(tmp_path: Path) -> None:
    with pytest.raises(FixError, match="the key file isn't there; bring it back"):
        encryption.load_keys(tmp_path / "keys", {})


def test_syncd_keys_stands_for_the_file(registry: Registry, folder: Path) -> None:
    saved = save(registry, full())
    given = {"SYNCD_KEYS": f" {encryption.new_key()} , {registry.keys.texts[0]},"}
    (folder / "keys").unlink()
    found = encryption.load_keys(folder / "keys", given)
    assert (found.source, found.path, len(found.texts)) == ("SYNCD_KEYS", None, 2)
    opened = database.open_registry(registries.url(folder), found)
    assert workspaces.load(opened, NAME) == saved
    opened.engine.dispose()


def test_an_empty_syncd_keys_is_none(folder: Path) -> None:
    assert encryption.load_keys(folder / "keys", {"SYNCD_KEYS": ""}).path == folder / "keys"


def test_a_wrong_syncd_keys_is_refused_and_not_quoted(folder: Path) -> None:
    with pytest.raises(FixError) as caught:
        encryption.load_keys(folder / "keys", {"SYNCD_KEYS": SENTINEL})
    assert caught.value.subject == "SYNCD_KEYS"
    assert SENTINEL not in str(caught.value)


def test_a_new_key_comes_first_and_the_old_one_still_decrypts(registry: Registry, folder: Path) -> None:
    saved = save(registry, full())
    made = keys.add(registry)
    assert made == registries.keys(folder)
    assert made.texts[1:] == registry.keys.texts
    assert mode(folder / "keys") == 0o600
    with registries.opened(folder) as again:
        assert workspaces.load(again, NAME) == saved


def test_after_a_rotation_the_first_key_alone_is_enough(registry: Registry, folder: Path) -> None:
    saved = save(registry, full(3))
    digest = registry.seal("x")
    first = keys.add(registry).texts[0]
    with registries.opened(folder) as again:
        # four secrets, the canary and the seal
        assert keys.rotate(again) == 6
        assert keys.retire(again) == 1
    assert registries.keys(folder).texts == (first,)
    with registries.opened(folder) as again:
        assert workspaces.load(again, NAME) == saved
        assert again.seal("x") == digest


def test_a_rotation_covers_every_revision(registry: Registry, folder: Path) -> None:
    first = save(registry, full(1))
    save(registry, full(2))
    keys.add(registry)
    keys.rotate(registry)
    keys.retire(registry)
    with registries.opened(folder) as again:
        assert workspaces.load(again, NAME, at=1) == first
        assert registries.rollback(again, 1)[1].definitions == first.definitions


def test_a_rotation_twice_has_nothing_left_to_do(registry: Registry) -> None:
    save(registry, full())
    keys.add(registry)
    assert (keys.rotate(registry), keys.rotate(registry)) == (3, 0)


def test_a_rotation_tells_its_progress(registry: Registry) -> None:
    save(registry, full(2))
    keys.add(registry)
    told: list[tuple[int, int]] = []
    keys.rotate(registry, lambda done, total: told.append((done, total)))
    assert told == [(3, 5), (5, 5)]


def test_a_rotation_that_meets_a_secret_of_no_key_changes_nothing(registry: Registry, folder: Path) -> None:
    save(registry, full(3))
    with writing(registry.engine) as connection_:
        connection_.execute(text("UPDATE parts SET sealed = 'gAAAA' WHERE name = 'd2'"))
    keys.add(registry)
    before = sealed(registry)
    with pytest.raises(FixError) as caught:
        keys.rotate(registry)
    assert caught.value.reason is Reason.WRONG_KEY
    assert sealed(registry) == before


def sealed(registry: Registry) -> list[str]:
    with database.reading(registry.engine) as connection_:
        return list(connection_.execute(text("SELECT sealed FROM parts WHERE sealed IS NOT NULL")).scalars())


@registries.SQLITE
def test_what_the_old_key_encrypted_is_not_left_on_the_disk(registry: Registry, folder: Path) -> None:
    save(registry, full(3))
    old = [one.encode() for one in sealed(registry)]
    keys.add(registry)
    keys.rotate(registry)
    registry.engine.dispose()
    found = registries.on_disk(folder)
    assert not [one for one in old if one[8:] in found]


def test_no_key_is_retired_that_something_still_needs(registry: Registry, folder: Path) -> None:
    save(registry, full())
    keys.add(registry)
    before = (folder / "keys").read_bytes()
    with pytest.raises(FixError, match="3 secrets of the registry still need an older key; `syncd key rotate` first"):
        keys.retire(registry)
    assert (folder / "keys").read_bytes() == before


def test_retiring_the_only_key_does_nothing(registry: Registry, folder: Path) -> None:
    before = (folder / "keys").read_bytes()
    assert keys.retire(registry) == 0
    assert (folder / "keys").read_bytes() == before


def test_keys_of_the_environment_are_changed_there(registry: Registry, folder: Path) -> None:
    old, new = registry.keys.texts[0], encryption.new_key()
    save(registry, full())
    opened = database.open_registry(registries.url(folder), Keys("SYNCD_KEYS", (new, old)))
    for change in (keys.add, keys.retire):
        with pytest.raises(FixError, match="SYNCD_KEYS: holds the keys") as caught:
            change(opened)
        assert caught.value.reason is Reason.REFUSED
        assert old not in str(caught.value)
    assert keys.rotate(opened) == 3
    opened.engine.dispose()
    database.open_registry(registries.url(folder), Keys("SYNCD_KEYS", (new,))).engine.dispose()


def test_who_still_has_but_the_old_key_encrypts_nothing_more(registry: Registry, folder: Path) -> None:
    """What it saved would be lost as soon as that key is retired."""
    save(registry, workspace())
    with registries.opened(folder) as late:
        keys.add(registry)
        keys.rotate(registry)
        with pytest.raises(FixError) as caught:
            save(late, full())
        assert caught.value.reason is Reason.WRONG_KEY
    keys.retire(registry)
    with registries.opened(folder) as again:
        assert workspaces.load(again, NAME).definitions == {}


def test_keys_added_at_once_are_all_kept(folder: Path) -> None:
    processes.at_once(processes.add_key, [(folder,)] * 3)
    assert len(set(registries.keys(folder).texts)) == 4
