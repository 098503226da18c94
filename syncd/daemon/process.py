"""The daemon as a process: what it listens to, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from types import FrameType
from typing import TextIO

from syncd.core.errors import Problems, SyncError, document
from syncd.daemon import logs
from syncd.daemon.engine import Daemon
from syncd.daemon.server import METRICS_TYPE, Answer, serving
from syncd.daemon.settings import Configured, load

_log = logging.getLogger(__name__)

_STALLED = 120
"""Seconds without a tick after which somebody had better start it anew: the registry is waited for 30."""


def run(environ: Mapping[str, str], *, who: str, stream: TextIO) -> int:
    """Until SIGTERM or SIGINT; the exit code: 0, or 1 where passes still wrote when their grace was over.

    SIGHUP reads the settings again, and goes on with the old ones where the new can't be used. A second SIGTERM or
    SIGINT ends it at once. Raises SyncError where it can't begin.
    """
    configured = load(environ)
    daemon = Daemon(configured, configured.installation.registry(), who=who)
    logs.to(stream, by=who)
    process = _Process(environ, configured, daemon)
    with ExitStack() as stack:
        listens = process.listen(stack)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, process.noted)
        _log.info("syncd runs", extra={"fields": {"listen": listens}})
        while not process.stopping:
            daemon.tick()
            process.reload_if_told()
            daemon.wait(process.configured.settings.poll)
        _log.info("syncd was told to end", extra={"fields": {"passes_at_work": len(daemon.at_work)}})
        ended = daemon.drain(process.configured.settings.grace)
        _log.info("syncd ends", extra={"fields": {"passes_left_behind": len(daemon.at_work)}})
        if ended:
            return 0
    stream.flush()
    # Threads that hang would keep the interpreter from ending.
    os._exit(1)


class _Process:
    def __init__(self, environ: Mapping[str, str], configured: Configured, daemon: Daemon) -> None:
        self.configured = configured
        self.stopping = False
        self._environ, self._daemon = environ, daemon
        self._told = False

    def noted(self, number: int, _frame: FrameType | None) -> None:
        """A signal: noted here, heeded between ticks."""
        if number == signal.SIGHUP:
            self._told = True
        elif self.stopping:
            os._exit(128 + number)
        else:
            self.stopping = True
        self._daemon.wake()

    def listen(self, stack: ExitStack) -> str | None:
        """Answer whoever watches, at this address. Raises FixError."""
        address = self.configured.settings.address
        if address is None:
            return None
        answers = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics}
        port = stack.enter_context(serving(address, answers))
        return f"{address[0]}:{port}"

    def reload_if_told(self) -> None:
        """Take new settings, all of them or none. Where it listens stays."""
        if not self._told:
            return
        self._told = False
        try:
            configured = load(self._environ)
            self._daemon.configure(configured, configured.installation.registry())
        except SyncError as error:
            for one in error.errors if isinstance(error, Problems) else (error,):
                _log.error("settings can't be used, and stay as they were", extra={"fields": document(one)})
            self._daemon.metrics.reloaded(failed=True)
            return
        self._daemon.metrics.reloaded(failed=False)
        if configured.settings.listen != self.configured.settings.listen:
            _log.warning("`listen` is heeded at the next start")
        self.configured = configured
        _log.info("settings were read again")

    def _livez(self) -> Answer:
        stalled, hanging = self._daemon.stalled, self._daemon.hanging
        if stalled > _STALLED:
            return Answer(False, f"no tick for {stalled:.0f} s\n".encode())
        return Answer(not hanging, "".join(f"{key}: the pass hangs\n" for key in hanging).encode() or b"ok\n")

    def _readyz(self) -> Answer:
        ready = self._daemon.begun
        return Answer(ready, b"ok\n" if ready else b"not every target has had its first pass\n")

    def _metrics(self) -> Answer:
        return Answer(True, self._daemon.metrics.text(), METRICS_TYPE)
