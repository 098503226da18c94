"""`[daemon]` and `[definitions]`: each default, what wins, and all that is wrong at once."""

from __future__ import annotations

import os

import pytest

from syncd.core.errors import FixError, Problems
from syncd.daemon.settings import Settings, load
from tests.sync.world import World

DEFAULTS = {
    "interval": 60,
    "cron": "",
    "jitter": 0.1,
    "poll": 0.5,
    "verify": 900,
    "deadline": 300,
    "backoff": 300,
    "grace": 20,
    "passes": 8,
    "listen": "127.0.0.1:9595",
}
WRONG = {
    "interval": 0,
    "cron": '"* * *"',
    "jitter": 2,
    "poll": 0.01,
    "verify": -1,
    "deadline": '"soon"',
    "backoff": 0,
    "grace": 0,
    "passes": 0,
    "listen": '"localhost"',
}


def given(world: World, text: str) -> World:
    with (world.home / "syncd.toml").open("a") as file:
        file.write(text)
    return world


def problems(world: World) -> dict[str, str]:
    """What is wrong, by its subject."""
    with pytest.raises(Problems) as raised:
        load(world.environ)
    home = f"{world.home / 'syncd.toml'} "
    return {one.subject.removeprefix(home): one.problem for one in raised.value.errors}


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_has_its_default_and_a_reason(world: World, name: str) -> None:
    assert getattr(load(world.environ).settings, name) == DEFAULTS[name]
    assert Settings.model_fields.keys() == DEFAULTS.keys()


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_may_be_given_in_a_file_and_what_cannot_be_is_told(world: World, name: str) -> None:
    assert problems(given(world, f"[daemon]\n{name} = {WRONG[name]}\n")).keys() == {f"daemon.{name}"}


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_may_be_given_in_the_environment_which_wins(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variable = f"SYNCD_DAEMON_{name.upper()}"
    good = {"cron": "0 * * * *", "listen": ":9000", "jitter": "0.5", "passes": "3"}.get(name, "7")
    monkeypatch.setenv(variable, good)
    given(world, f"[daemon]\n{name} = {DEFAULTS[name]!r}\n")
    assert str(getattr(load(world.environ | {variable: good}).settings, name)).removesuffix(".0") == good
    monkeypatch.setenv(variable, "-1")
    assert problems(World(world.home, {**world.environ, variable: "-1"})).keys() == {variable}


def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    given(world, '[daemon]\nintervall = 5\npoll = "x"\n[definitions]\nprune = 1\n[targets.Wrong]\ntype = "none"\n')
    assert problems(world).keys() == {
        "daemon.intervall",
        "daemon.poll",
        "definitions.path",
        "definitions.prune",
        "targets.Wrong",
    }


def test_a_setting_that_is_a_mistake_of_spelling_in_the_environment_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_DAEMON_INTERVALL", "5")
    found = problems(World(world.home, {**world.environ, "SYNCD_DAEMON_INTERVALL": "5"}))
    assert found == {"SYNCD_DAEMON_INTERVALL": "no such setting"}


def test_other_commands_say_what_is_wrong_with_tables_alone(world: World) -> None:
    given(world, "[daemon]\npoll = 0\n")
    assert world.installation.home == world.home


@pytest.mark.parametrize(
    ("listen", "address"),
    [("", None), (":9595", ("", 9595)), ("[::1]:80", ("::1", 80)), ("localhost:0", ("localhost", 0))],
)
def test_where_it_listens(listen: str, address: tuple[str, int] | None) -> None:
    assert Settings(listen=listen).address == address


@pytest.mark.parametrize("listen", ["localhost", "host:99999", "http://host:80", "::1:80", "host:"])
def test_what_is_no_address_is_told(listen: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        Settings(listen=listen)


def test_a_folder_of_definitions_begins_where_the_settings_are(world: World) -> None:
    folder = load(given(world, '[definitions]\npath = "git/definitions"\n').environ).folder
    assert folder is not None
    assert folder[0] == world.home / "git/definitions"
    assert not folder[1].prune


@pytest.mark.parametrize("text", ["[x]\na=" + "[" * 5000 + "]" * 5000, "[daemon]\npasses = " + "9" * 5000, "[daemon"])
def test_what_no_parser_takes_is_told(world: World, text: str) -> None:
    (world.home / "syncd.toml").write_text(text)
    with pytest.raises(FixError, match="isn't TOML"):
        load(world.environ)


def test_a_pipe_in_their_place_is_told_and_not_waited_for(world: World) -> None:
    (world.home / "syncd.toml").unlink()
    os.mkfifo(world.home / "syncd.toml")
    with pytest.raises(FixError, match="is no plain file"):
        load(world.environ)
