"""References `vault:MOUNT/PATH#KEY`: allow-listed before anything is asked, read once, and never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from syncd.core.errors import FixError, Reason, SyncError, WaitError
from syncd.core.model import Reference
from syncd.references import LARGEST, Allowed, once, read

SECRET = "tell-nobody"
ALLOWED = Allowed(vault=("kv/team/*",))


class Asked:
    """A fake that says what was asked of it: of a real one only the server knows."""

    def __init__(self, found: Mapping[str, Any] | None = None, error: SyncError | None = None) -> None:
        self._found, self._error = found, error
        self.paths: list[str] = []

    def __call__(self, mount: str, path: str) -> Mapping[str, Any] | None:
        self.paths.append(f"{mount} {path}")
        if self._error:
            raise self._error
        return self._found


def value(location: str, asked: Asked, allowed: Allowed = ALLOWED) -> str | SyncError:
    reference = Reference("vault", location)
    return read([reference], allowed, {}, asked)[reference]


def refused(found: str | SyncError) -> bool:
    return isinstance(found, FixError) and found.reason is Reason.REFERENCE_REFUSED


# What may be read


@pytest.mark.parametrize("pattern", ["kv/team/db", "kv/team/*", "kv/*", "*", "*/team/d?"])
def test_a_path_that_a_pattern_allows_is_read(pattern: str) -> None:
    asked = Asked({"password": SECRET})

    assert value("kv/team/db#password", asked, Allowed(vault=("other", pattern))) == SECRET
    assert asked.paths == ["kv team/db"]


@pytest.mark.parametrize("pattern", ["kv/team", "kv/team/", "team/*", "KV/*", "kv/team/db#password", "kv/team/*#*", ""])
def test_a_path_that_no_pattern_allows_is_refused_before_anything_is_asked(pattern: str) -> None:
    asked = Asked({"password": SECRET})
    found = value("kv/team/db#password", asked, Allowed(vault=(pattern,)))

    assert refused(found)
    assert "an operator can allow it: [references] vault in syncd.toml" in str(found)
    assert asked.paths == []


def test_nothing_is_readable_unless_it_is_named() -> None:
    asked = Asked({"password": SECRET})

    assert refused(value("kv/team/db#password", asked, Allowed()))
    assert asked.paths == []


ELSEWHERE = [
    "kv/team/../other/db#password",
    "kv/team/..#password",
    "kv/team/./db#password",
    "kv/team//db#password",
    "kv/team/db/#password",
    "kv/team/#password",
    "kv/team/%2e%2e/other#password",
    "kv/team/%2E%2E/other#password",
    "kv/team/db%2fother#password",
    "kv/team/db?version=1#password",
    "kv/team/db other#password",
    "kv/team/db\n#password",
    "kv/team/db\0#password",
    "kv/team/\\..\\other#password",
    "kv/team/*#password",
    "kv/team/é#password",
    "/kv/team/db#password",
    "kv#password",
    "",
]


@pytest.mark.parametrize("location", ELSEWHERE)
def test_what_a_server_may_take_for_another_path_is_refused_before_anything_is_asked(location: str) -> None:
    asked = Asked({"password": SECRET})

    assert refused(value(location, asked, Allowed(vault=("*",))))
    assert asked.paths == []


@pytest.mark.parametrize("path", ["team/db", "team/db-1_a", "team/a@b:c+d", "team/v1.2", "a/b/c/d"])
def test_what_a_path_may_hold(path: str) -> None:
    assert value(f"kv/{path}#password", Asked({"password": SECRET}), Allowed(vault=("*",))) == SECRET


def test_a_key_is_taken_as_it_stands() -> None:
    keys = ["a", "a.b", "a b", "a#b", "é", "..", "%2e"]

    assert [value(f"kv/team/db#{key}", Asked(dict.fromkeys(keys, SECRET))) for key in keys] == [SECRET] * len(keys)


# What is read


def test_a_path_is_read_once_however_many_of_its_keys_are_wanted() -> None:
    asked = Asked({"user": "etl", "password": SECRET})
    some = [Reference("vault", f"kv/team/db#{key}") for key in ("user", "password", "user", "nonesuch")]

    found = read(some, ALLOWED, {}, asked)

    assert [found[one] for one in some[:2]] == ["etl", SECRET]
    assert asked.paths == ["kv team/db"]


def test_a_pass_over_several_targets_reads_a_path_once() -> None:
    asked = Asked({"user": "etl", "password": SECRET})
    read_once = once(ALLOWED, {}, asked)
    for key in ("user", "password", "user"):
        read_once([Reference("vault", f"kv/team/db#{key}")])

    assert asked.paths == ["kv team/db"]


def test_what_fails_is_asked_once_too() -> None:
    asked = Asked(error=WaitError(Reason.UNAVAILABLE, "kv/team/db", "Vault is sealed", "unseal it"))
    read_once = once(ALLOWED, {}, asked)
    for key in ("user", "password"):
        (found,) = read_once([Reference("vault", f"kv/team/db#{key}")]).values()
        assert isinstance(found, WaitError)

    assert asked.paths == ["kv team/db"]


# What can't be had


def unreadable(found: str | SyncError) -> str:
    assert isinstance(found, SyncError)
    assert found.reason is Reason.REFERENCE_UNREADABLE
    assert SECRET not in str(found)
    return str(found)


def test_a_path_that_is_not_there_is_an_error() -> None:
    assert "vault:kv/team/db#password: isn't there" in unreadable(value("kv/team/db#password", Asked()))


@pytest.mark.parametrize("key", ["#nonesuch", "#", "", "#PASSWORD", "#password "])
def test_a_key_that_is_not_there_is_an_error_that_tells_no_other(key: str) -> None:
    said = unreadable(value(f"kv/team/db{key}", Asked({"password": SECRET})))

    assert "has no text under this key" in said


@pytest.mark.parametrize("held", [5, True, None, [SECRET], {"deep": SECRET}], ids=repr)
def test_what_is_no_text_is_an_error(held: object) -> None:
    unreadable(value("kv/team/db#password", Asked({"password": held})))


@pytest.mark.parametrize(
    "held", ["", f"{SECRET}\0", SECRET * LARGEST, f"{SECRET}\ud800"], ids=["empty", "NUL", "large", "half"]
)
def test_what_no_value_can_be_is_an_error(held: str) -> None:
    unreadable(value("kv/team/db#password", Asked({"password": held})))


def test_a_refusal_is_something_to_fix_and_an_outage_something_to_wait_for() -> None:
    for kind in (FixError, WaitError):
        error = kind(Reason.ACCESS_DENIED, "kv/team/db", "Vault says no", "ask for it")
        found = value("kv/team/db#password", Asked(error=error))

        assert type(found) is kind
        remedy = (
            "ask for it" if kind is WaitError else "check the path, and that syncd's login may read kv/data/team/db"
        )
        assert f"vault:kv/team/db#password: kv/team/db: Vault says no; {remedy}" in unreadable(found)


def test_where_no_target_is_named_that_is_said() -> None:
    found = read([reference := Reference("vault", "kv/team/db#password")], ALLOWED, {})[reference]

    assert "[references] vault: names no target" in unreadable(found)


def test_where_vault_is_away_it_is_asked_once_and_not_for_each_path() -> None:
    asked = Asked(error=WaitError(Reason.UNAVAILABLE, "Vault", "doesn't answer within 30 s"))
    some = [Reference("vault", f"kv/team/{name}#password") for name in ("db", "lake", "mail")]
    found = read(some, Allowed(vault=("kv/*",)), {}, asked)
    assert len(asked.paths) == 1
    assert all("doesn't answer" in str(one) for one in found.values())
