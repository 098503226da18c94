"""A daemon as a sample would start it: arguments and environment in, lines of its log out."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen


class Running:
    """One that has begun."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.listens = str(self.until("syncd runs")["listen"])

    def until(self, message: str) -> Mapping[str, Any]:
        """The next line that says so."""
        assert self.process.stderr is not None
        heard = ""
        for line in self.process.stderr:
            heard += line
            told = json.loads(line) if line.startswith("{") else {}
            if told.get("message") == message:
                assert isinstance(told, dict)
                return told
        raise AssertionError(f"it ended without {message!r}:\n{heard}")

    def get(self, path: str) -> int:
        """The status that it answers with."""
        try:
            with urlopen(f"http://127.0.0.1:{self.listens.rpartition(':')[2]}{path}", timeout=10) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stderr is not None
        self.process.stderr.read()
        return self.process.wait(30)


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Running]:
    """It is gone at the end."""
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()
