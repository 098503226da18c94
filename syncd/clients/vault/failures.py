"""What Vault's answers and silences say to people. Never with a body: it may hold what was sent."""

from __future__ import annotations

from syncd.core.errors import FixError, Reason, SyncError, WaitError

_CAS = "check-and-set parameter did not match"
"""KV version 2 tells a version that isn't the one expected by this text alone (path_data.go)."""

_TOO_LARGE = ("value being too large", "exceeds")
"""So say storage and Vault itself (sizes, depth, number of keys), with a 500, as if all of it had failed."""


def failed(status: int, errors: object, subject: str) -> SyncError:
    """An answer that is no success. `errors` is what Vault says, looked at and not repeated."""
    told = " ".join(one for one in errors if isinstance(one, str)) if isinstance(errors, list) else ""
    if status < 300:
        return garbled(status, subject)
    if status == 400 and _CAS in told:
        return WaitError(Reason.CONFLICT, subject, "was changed since it was looked at", "sync again")
    if status in _FIX:
        return FixError(_FIX[status][0], subject, *_FIX[status][1:])
    if 300 <= status < 400:
        return FixError(
            Reason.INVALID_SETTINGS, subject, "Vault sends to another address", "name that one: none is followed"
        )
    if status in _WAIT:
        return WaitError(Reason.UNAVAILABLE, "Vault", *_WAIT[status])
    if status == 500 and any(words in told for words in _TOO_LARGE):
        return failed(413, None, subject)
    if status == 503 and "sealed" in told:
        return WaitError(Reason.UNAVAILABLE, "Vault", "is sealed", "unseal it")
    if status >= 500:
        return WaitError(Reason.UNAVAILABLE, subject, f"Vault fails ({status})", "look at Vault's log")
    return FixError(Reason.REFUSED, subject, f"Vault doesn't take it ({status})", "look at Vault's log")


def garbled(status: int, subject: str) -> SyncError:
    """A success whose body isn't what Vault says then."""
    problem = f"the answer ({status}) isn't Vault's"
    return WaitError(Reason.UNAVAILABLE, subject, problem, "is something between here and Vault, or is `url` wrong?")


_FIX = {
    400: (Reason.REFUSED, "Vault doesn't take it (400)", "look at Vault's log"),
    403: (Reason.ACCESS_DENIED, "Vault refuses it", "grant it to this login: `syncd policies` prints what is needed"),
    404: (Reason.NOT_FOUND, "isn't there", "check the mount and its path"),
    405: (Reason.INVALID_SETTINGS, "isn't on a KV version 2 mount", "check `mount_point`"),
    413: (Reason.NOT_HOLDABLE, "is larger than Vault takes", "make it smaller"),
}
_WAIT = {
    412: ("is behind the others", ""),
    429: ("asks for fewer requests", "raise its quota, or sync less often"),
    472: ("is a recovery replica", "name the active one"),
    473: ("is a standby", "name the active one"),
    501: ("isn't initialised", "initialise it"),
}
"""These are about all of Vault, whatever was asked for."""
