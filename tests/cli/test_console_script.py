"""The real `syncd`, in processes of its own: terminals, pipes, locales, writers at the same time."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Syncd

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.usefixtures("processes")]

COMMAND = str(Path(sys.executable).with_name("syncd"))
SECRET = "hunter2-0f3d"


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """In a process of its own; without a traceback."""
    done = subprocess.run([COMMAND, *arguments], check=False, capture_output=True, text=True, **options)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def at_terminal(*arguments: str, talk: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """In a terminal of its own: what is awaited and what is typed then. The exit code, and all that was on it."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # /dev/tty is what passwords are read from
    )
    os.close(theirs)
    seen = ""
    for awaited, answer in talk:
        start = len(seen)
        while awaited not in seen[start:]:
            part = _read(ours)
            assert part, seen
            seen += part
        os.write(ours, answer.encode())
    while part := _read(ours):
        seen += part
    os.close(ours)
    assert "Traceback" not in seen
    return process.wait(), seen


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode()
    except OSError:  # the other side is closed
        return ""


def test_it_answers_a_script(syncd: Syncd) -> None:
    done = run("explain", "etl-prod", "warehouse", "--output", "json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["id"] == "warehouse"
    assert done.stderr == ""
    assert run("explain", "etl-prod", "nothing").returncode == 1
    assert run("explain", "etl-prod").returncode == 2


def test_the_question_of_apply(syncd: Syncd, folder: Path) -> None:
    (folder / "more.yaml").write_text("workspace: analytics\nvariables: {more: {value: x}}\n")
    refused = at_terminal("apply", "-f", "more.yaml", talk=[("[y/N] ", "n\n")])
    done = at_terminal("apply", "-f", "more.yaml", talk=[("[y/N] ", "y\n")])

    assert refused[0] == 1
    assert "was refused" in refused[1]
    assert done[0] == 0
    assert "more" in done[1]
    assert "revision 2" in done[1]


def test_a_secret_is_asked_for_and_never_on_the_screen(syncd: Syncd) -> None:
    code, seen = at_terminal(
        "connection",
        "update",
        "slack",
        "password",
        talk=[("password: ", f"{SECRET}\n"), ("once more: ", f"{SECRET}\n")],
    )
    run("sync", "-t", "classic")

    assert code == 0
    assert SECRET not in seen
    assert SECRET in next((syncd.home / "classic").rglob("connections.json")).read_text()


@pytest.mark.parametrize("key", ["\x03", "\x04", "\n"])
def test_a_prompt_that_is_left(syncd: Syncd, key: str) -> None:
    code, seen = at_terminal("connection", "update", "slack", "password", talk=[("password: ", key)])

    assert code == (130 if key == "\x03" else 1)
    assert ("nothing was typed" in seen) == (key != "\x03")
    assert len(json.loads(run("history", "-o", "json").stdout)["revisions"]) == 1


def test_a_pass_on_a_terminal(syncd: Syncd) -> None:
    code, seen = at_terminal("sync", talk=[])

    assert code == 0
    assert "8 created" in seen
    assert seen.rfind("\x1b[?25h") >= seen.rfind("\x1b[?25l")  # the cursor is there again


def test_writers_at_the_same_time_lose_none(syncd: Syncd) -> None:
    names = [f"d{number}" for number in range(8)]
    for name in names:
        syncd.ok("deployment", "create", name, "-e", "dev")
    running = [
        subprocess.Popen([COMMAND, "link", name, "warehouse"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in names
    ]
    for process in running:
        assert process.communicate()[1] == b""
        assert process.returncode == 0

    assert syncd.json("connection", "show", "warehouse")["linked_to"] == [*names, "etl-dev", "etl-prod"]
    assert len(syncd.json("history", "-n", "100")["revisions"]) == 1 + 2 * len(names)


def test_a_reader_that_has_enough(syncd: Syncd) -> None:
    syncd.ok("variable", "create", "long", f"value={'x ' * 50_000}")
    for command in (["variable", "show", "long"], ["variable", "list", "-o", "json"], ["export"]):
        process = subprocess.Popen([COMMAND, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        told = process.stderr.read().decode()
        process.stderr.close()

        assert process.wait() == 1
        assert told == ""


def test_an_answer_that_cant_be_written(syncd: Syncd) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([COMMAND, "history"], check=False, stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_streams_at_all(syncd: Syncd) -> None:
    done = subprocess.run(["sh", "-c", f"exec {COMMAND} plan <&- >&- 2>&-"], check=False)

    assert done.returncode == 0


def test_a_locale_that_hasnt_the_characters(syncd: Syncd) -> None:
    environ = os.environ | {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environ["PYTHONIOENCODING"] = "ascii"
    done = run("explain", "etl-prod", "warehouse", env=environ)

    assert done.returncode == 0
    assert "? definition" in done.stdout


@pytest.mark.parametrize("missing", ["typer", "rich", "sqlalchemy", "cryptography", "pydantic"])
def test_without_the_extra_it_says_what_to_install(syncd: Syncd, missing: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['syncd', 'plan']; from syncd.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert "pip install 'airflow-shared-connections[daemon]'" in done.stderr
    assert "Traceback" not in done.stderr
