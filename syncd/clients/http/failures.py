"""What silences and strangers say to people."""

from __future__ import annotations

import socket
from http.client import HTTPException

from syncd.core.errors import FixError, Reason, SyncError, WaitError


def unreached(url: str, error: Exception, timeout: float) -> WaitError:
    """Nobody answered."""
    if isinstance(error, TimeoutError):
        problem = f"doesn't answer within {timeout:g} s"
    elif isinstance(error, socket.gaierror):
        problem = "has no address: the name can't be resolved"
    elif isinstance(error, ConnectionRefusedError):
        problem = "refuses the connection"
    elif isinstance(error, ConnectionError):  # before the next: one that closes without a word is both
        problem = "closes the connection"
    elif isinstance(error, HTTPException):
        problem = "doesn't speak HTTP"
    else:
        problem = f"can't be reached ({type(error).__name__})"
    return WaitError(Reason.UNAVAILABLE, url, problem, "is it running, and is the address right?")


def untrusted(url: str, why: str, remedy: str) -> SyncError:
    """Somebody answered, and can't prove to be the server."""
    return FixError(Reason.UNTRUSTED, url, f"its certificate isn't trusted: {why}", remedy)
