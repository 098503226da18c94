"""A life with secrets in every place where one can be, and then a search of everything that came out."""

from __future__ import annotations

import fcntl
import getpass
import io
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from servers.processes import free_port
from tests.cli import story as told
from tests.cli.runner import Result, Syncd, Terminal, nothing_of_the_developers
from tests.cli.story import Heard, Story

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


class Daemon:
    """`syncd run` in a process that logs everything; what comes out of it is part of the story."""

    def __init__(self, story: Story, **environ: str) -> None:
        self.story = story
        self.port = free_port()
        self._log = story.folder / "daemon.log"
        quick = {"SYNCD_DAEMON_INTERVAL": "0.3", "SYNCD_DAEMON_BACKOFF": "0.3", "SYNCD_DAEMON_POLL": "0.1"}
        listen = {"SYNCD_DAEMON_LISTEN": f"127.0.0.1:{self.port}"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [COMMAND, "run"], env={**os.environ, **quick, **listen, **environ}, stdout=log, stderr=log
            )
        self._lines = self._log.open()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(30)
        finally:
            self._process.kill()
            self._lines.close()
        self._heard("run", code, "", self._log.read_text())

    def until(self, *texts: str) -> Daemon:
        """It has told all of them since it was last asked for some."""
        said, ended = "", False
        while not ended and not all(text in said for text in texts):
            time.sleep(0.05)
            ended = self._process.poll() is not None
            said += self._lines.read()
        assert all(text in said for text in texts), texts
        return self

    def reload(self, told: str) -> None:
        self._lines.read()
        self._process.send_signal(signal.SIGHUP)
        self.until(told)

    def look(self) -> str:
        """What others on this machine see of it: health, metrics, arguments. The metrics."""
        found = {path: self._answer(path) for path in ("/livez", "/readyz", "/metrics", "/nonesuch")}
        for path, text in found.items():
            self._heard(path, 0, text, "")
        self._heard("arguments", 0, "", Path(f"/proc/{self._process.pid}/cmdline").read_text())
        return found["/metrics"]

    def _answer(self, path: str) -> str:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return f"{answer.headers}{answer.read().decode()}"
        except HTTPError as error:
            with error:
                return f"{error.headers}{error.read().decode()}"

    def _heard(self, command: str, code: int, out: str, err: str) -> None:
        self.story.heard.append(Heard(f"daemon: {command}", Result(code, out, err)))


SETTINGS_OF_THE_DAEMON = (
    '[daemon]\ncron = "{}"\n',
    '[daemon]\nverify = "{}"\n',
    '[daemon]\njitter = "{}"\n',
    '[daemon]\nnonesuch = "{}"\n',
    '[daemon]\npasses = ["{}"]\n',
    'daemon = "{}"\n',
    '[definitions]\npath = ["{}"]\n',
    '[definitions]\npath = "x"\nprune = "{}"\n',
    '[definitions]\npath = "x"\nnonesuch = "{}"\n',
)
"""Each of them wrong."""


@pytest.fixture
def life(processes: Story) -> Story:
    """A registry with secrets, references to more of them, and a folder of definitions that is to be applied."""
    told.begin(processes)
    told.from_files(processes)
    told.by_reference(processes)
    processes.do("export", "--to", str(processes.folder / "exported.yaml"))
    folder = processes.folder / "definitions"
    folder.mkdir()
    with (processes.home / "syncd.toml").open("a") as settings:
        settings.write(f'[definitions]\npath = "{folder}"\n')
    return processes


def test_the_daemon(life: Story) -> None:
    new, folder = life.secrets.new, life.folder / "definitions"
    whole = (life.folder / "definitions.yaml").read_text()
    (folder / "whole.yaml").write_text(whole)
    # In its environment rather than in a file.
    with Daemon(life, SYNCD_KEYS=life.secrets.texts["key"]) as daemon:
        daemon.until("syncd runs")

        os.environ["ELSEWHERE"] = new("env:, not allowed")
        (life.home / "secrets" / "latin").write_bytes(b"\xff" + new("file:, not UTF-8").encode())
        (life.home / "secrets" / "port").write_text(new("file:, no port"))
        for field, reference in (
            ("host", "env:ELSEWHERE"),
            ("login", "file:secrets/latin"),
            ("port", "file:secrets/port"),
        ):
            name = f"r-{field}"
            life.do("connection", "create", name, "conn_type=http", "--from", f"{field}={reference}", "--link-all")
        daemon.until('"not in sync"', "ReferenceRefused", "ReferenceUnreadable")

        foreign = life.home / "files" / "analytics" / "deployments" / "etl-dev" / "connections" / "foreign"
        foreign.write_text(new("a foreign file"))
        foreign.chmod(0o600)
        life.do("connection", "create", "foreign", "conn_type=http", "--link-all")
        daemon.until('"NotOwned"')

        classic, aside = life.home / "classic", life.home / "aside"
        classic.rename(aside)
        classic.write_text("")
        life.do("connection", "update", "c-env", "extra.token=-", stdin=new("failing target"))
        daemon.until('"subject": "' + str(classic))
        life.do("status", "-o", "json")
        assert 'syncd_items_out_of_sync{reason="NotOwned"' in daemon.look()
        classic.unlink()
        aside.rename(classic)

        for number, (name, text) in enumerate(told.WRONG.items()):
            secret = new(f"folder: {name}", middle="-xyz-")
            body = text.replace("{}", secret).replace("{{", "{").replace("}}", "}")
            path = folder / f"wrong{number}.yaml"
            path.write_text(f"workspace: analytics\nconnections:\n  x:\n    conn_type: http\n    {body}\n")
            daemon.until(f"wrong{number}.yaml")
            keep_failures(life)
            path.unlink()
        (folder / "binary.yaml").write_bytes(b"\xff\x00" + new("folder: binary").encode())
        daemon.until("binary.yaml")
        assert "syncd_definitions_error 1.0" in daemon.look()
        keep_failures(life)
        life.do("status", "-o", "json")

        settings = life.home / "syncd.toml"
        good = settings.read_text()
        for number, text in enumerate(SETTINGS_OF_THE_DAEMON):
            before = good.partition("[definitions]")[0] if "definitions" in text else good
            wrong = text.replace("{}", new(f"syncd.toml of a daemon, {number}", middle="-x yz-"))
            settings.write_text(wrong + before if text.startswith("daemon") else before + wrong)
            daemon.reload("settings can't be used")
        assert "syncd_reload_failed 1.0" in daemon.look()
        settings.write_text(good)
        daemon.reload("settings were read again")

    for name in ("CRON", "INTERVAL", "LISTEN", "PASSES", "NONESUCH"):
        with Daemon(life, **{f"SYNCD_DAEMON_{name}": new(f"SYNCD_DAEMON_{name}", middle="-x yz-")}) as wrong_one:
            wrong_one.until(f"SYNCD_DAEMON_{name}")
    with Daemon(life, SYNCD_KEYS=new("SYNCD_KEYS that is no key")) as wrong_one:
        wrong_one.until("SYNCD_KEYS")
    password = new("SYNCD_REGISTRY", "-x-")
    with Daemon(life, SYNCD_REGISTRY=f"postgresql://user:{password}@127.0.0.1:1/db") as wrong_one:
        wrong_one.until("127.0.0.1:1")

    # Where it belongs, it is: so the search would have found it.
    assert life.secrets.found(b"".join(path.read_bytes() for path in life.documents()))
    assert any("SELECT" in one.result.err for one in life.heard if one.command == "daemon: run")
    foreign.unlink()
    told.check(life)


def keep_failures(story: Story) -> None:
    """What the registry keeps of what failed."""
    with closing(sqlite3.connect(story.home / "registry.db")) as registry:
        rows = registry.execute("SELECT * FROM failures").fetchall()
    assert rows
    story.heard.append(Heard("the table of failures", Result(0, repr(rows), "")))


BROKEN_IN_THE_DAEMON = (
    "syncd.passes.over",
    "syncd.sync.carry_out",
    "syncd.core.resolve.fill",
    "syncd.daemon.folder.apply",
    "syncd.definitions.reading.compose",
    "syncd.registry.workspaces.encrypt",
    "syncd.daemon.work.look",
    "syncd.daemon.engine.news",
    "syncd.daemon.process.load",
)


def test_failures_of_the_daemon_that_nobody_foresaw(life: Story) -> None:
    whole = (life.folder / "definitions.yaml").read_text()
    for broken in BROKEN_IN_THE_DAEMON:
        os.environ["WAREHOUSE_ENV"] = life.secrets.new(f"env:, {broken}")  # something to write, and to apply
        new = told.quoted(life.secrets.new(f"folder, {broken}"))
        changed = whole.replace("variables:\n", f"variables:\n  new_token: {{value: {new}, link_all: true}}\n")
        (life.folder / "definitions" / "whole.yaml").write_text(changed)
        with Daemon(life, BROKEN=broken) as daemon:
            daemon.until("ValueError")
    told.check(life)
