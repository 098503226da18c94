"""A life with secrets in every place where one can be, and then a search of everything that came out."""

from __future__ import annotations

import fcntl
import getpass
import io
import logging
import os
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli import story as told
from tests.cli.runner import Result, Syncd, Terminal, nothing_of_the_developers
from tests.cli.story import Story

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

COMMAND = str(Path(sys.executable).with_name("syncd"))

LOUD = """
import importlib, logging, os
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
place = os.environ.get("BROKEN")
if place:
    module, _, name = place.rpartition(".")
    def broken(*arguments, **named):
        held = arguments, named
        raise ValueError(held) from KeyError(held)
    setattr(importlib.import_module(module), name, broken)
"""
"""Runs before `syncd` in a process: everything is logged, and what BROKEN names raises all that it was given."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    nothing_of_the_developers(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNCD_HOME", str(tmp_path / "home"))
    for name in ("WAREHOUSE_ENV", "ELSEWHERE"):  # the story sets them
        monkeypatch.setenv(name, "")
    return tmp_path


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that anybody logs in this process, at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("", "sqlalchemy")]  # SQLAlchemy sets a level of its own
    levels = [one.level for one in loggers]
    loggers[0].addHandler(handler)
    for one in loggers:
        one.setLevel(logging.DEBUG)
    yield stream
    loggers[0].removeHandler(handler)
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


def test_the_whole_story(folder: Path, log: io.StringIO) -> None:
    syncd = Syncd(folder / "home")

    def run(*arguments: str, stdin: bytes = b"", typed: str = "", environ: Mapping[str, str] | None = None) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(getpass, "getpass", lambda prompt: typed)
            for name, value in (environ or {}).items():
                patch.setenv(name, value)
            start = log.tell()
            result = syncd(*arguments, stdin=Terminal() if typed else stdin)
            return result._replace(err=result.err + log.getvalue()[start:])

    story = Story(folder, run)
    told.play(story)

    assert "SELECT" in log.getvalue()
    told.check_planted(story)
    told.check(story)


@pytest.fixture
def processes(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Story:
    """The real command, in processes that log everything."""
    around = tmp_path_factory.mktemp("around")
    (around / "sitecustomize.py").write_text(LOUD)
    monkeypatch.setenv("PYTHONPATH", str(around))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(around / "bytecode"))
    return Story(folder, _process)


def _process(*arguments: str, stdin: bytes = b"", typed: str = "", environ: Mapping[str, str] | None = None) -> Result:
    if typed:
        return _at_terminal(arguments, typed)
    done = subprocess.run(
        [COMMAND, *arguments], check=False, input=stdin, capture_output=True, env={**os.environ, **(environ or {})}
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def _at_terminal(arguments: tuple[str, ...], typed: str) -> Result:
    """Asked twice, answered twice; what others on this machine see meanwhile is part of what came out."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    seen, seen_by_others = b"", b""
    for question in (b": ", b"once more: "):
        start = len(seen)
        while not seen[start:].endswith(question):
            seen += os.read(ours, 1 << 16)
        os.write(ours, f"{typed}\n".encode())
        seen_by_others += Path(f"/proc/{process.pid}/cmdline").read_bytes()
    while part := _read(ours):
        seen += part
    os.close(ours)
    return Result(process.wait(), seen.decode(), seen_by_others.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is closed
        return b""


def test_the_command_itself(processes: Story) -> None:
    for part in (told.begin, told.from_files, told.by_prompt, told.by_reference, told.new_keys):
        part(processes)
    processes.look([("connection", "list"), ("explain", "etl-prod", "c-yaml"), ("status",), ("diff", "0")])

    assert any("SELECT" in one.result.err for one in processes.heard)
    told.check(processes)


def test_failures_that_nobody_foresaw(processes: Story) -> None:
    told.begin(processes)
    told.from_files(processes)
    processes.do("sync")
    processes.do("export", "--to", "exported.yaml")
    for broken in (
        "syncd.sync.carry_out",
        "syncd.sync.prepare",
        "syncd.core.resolve.fill",
        "syncd.core.documents.view",
        "syncd.registry.encryption.decrypt",
        "syncd.registry.parts.join",
        "syncd.installation.load",
        "syncd.cli.show.say",
        "syncd.cli.show.errors",
    ):
        code = processes.try_("sync", environ={"BROKEN": broken})
        again = processes.try_("sync", "-t", "nowhere", "-o", "json", environ={"BROKEN": broken})

        assert (code in (0, 1), again) == (True, 1), broken

    told.check(processes)
