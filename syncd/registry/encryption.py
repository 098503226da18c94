"""Secrets at rest: keys, what they encrypt, and the keyed digest.

What is encrypted names its place, so that a row can't be moved to where somebody else reads it.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from syncd.core.errors import FixError, Reason

KEYS_VARIABLE = "SYNCD_KEYS"


@dataclass(frozen=True)
class Keys:
    """Fernet keys, the one that encrypts first; `source` names where they come from and never what they are."""

    source: str
    texts: tuple[str, ...] = field(repr=False)
    path: Path | None = None

    @property
    def cipher(self) -> MultiFernet:
        """Encrypts with the first, decrypts with any."""
        return MultiFernet([Fernet(text) for text in self.texts])


def new_key() -> str:
    """A fresh Fernet key."""
    return Fernet.generate_key().decode()


def load_keys(path: Path, environ: Mapping[str, str]) -> Keys:
    """The keys of SYNCD_KEYS (comma-separated), else of the key file (one a line). Raises FixError."""
    given = environ.get(KEYS_VARIABLE)
    if given:
        return _checked(Keys(KEYS_VARIABLE, tuple(part.strip() for part in given.split(",") if part.strip())))
    try:
        status = path.stat()
        text = path.read_text()
    except FileNotFoundError:
        raise FixError(
            Reason.WRONG_KEY,
            str(path),
            "the key file isn't there",
            "bring it back; `syncd init` makes one for a new registry",
        ) from None
    except (OSError, UnicodeDecodeError):
        raise FixError(
            Reason.WRONG_KEY, str(path), "the key file can't be read", "let the user that runs syncd read it"
        ) from None
    if status.st_mode & 0o077:
        raise FixError(Reason.WRONG_KEY, str(path), "the key file can be read by others", f"chmod 600 {path}")
    return _checked(Keys(str(path), tuple(line.strip() for line in text.splitlines() if line.strip()), path))


def make_keys(path: Path) -> bool:
    """Make the key file with one new key, unless it is there; True where it was made. Of two at once, one makes it.

    Raises FixError.
    """
    temporary = path.with_name(f"{path.name}~{os.getpid()}")
    with _writable(path):
        _write(temporary, (new_key(),))
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        _flush_folder(path.parent)
    return True


def write_keys(path: Path, texts: Sequence[str]) -> None:
    """Replace the key file in one step, with mode 0600 from the start. One at a time. Raises FixError."""
    temporary = path.with_name(f"{path.name}~")
    with _writable(path):
        _write(temporary, texts)
        temporary.replace(path)
        _flush_folder(path.parent)


def encrypt(cipher: MultiFernet, at: Sequence[str], value: Any) -> str:
    """A JSON value as a token that is good at this place alone."""
    return cipher.encrypt(json.dumps({"at": list(at), "value": value}).encode()).decode()


def decrypt(cipher: MultiFernet, at: Sequence[str], token: str, source: str) -> Any:
    """The value of a token. Raises FixError where no key fits, or it was made for another place."""
    try:
        content = json.loads(cipher.decrypt(token))
    except InvalidToken:
        raise _no_key(source) from None
    if content["at"] != list(at):
        raise FixError(Reason.WRONG_KEY, "registry", f"a secret of {'/'.join(at)} was moved there from another place")
    return content["value"]


def rotated(cipher: MultiFernet, token: str, source: str) -> str:
    """The same, encrypted with the first key. Raises FixError where no key fits."""
    try:
        return cipher.rotate(token).decode()
    except InvalidToken:
        raise _no_key(source) from None


def seal_with(key: str) -> Callable[[str], str]:
    """The keyed digest: 32 hex digits of HMAC-SHA-256."""
    secret = key.encode()

    def seal(text: str) -> str:
        return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    return seal


def new_seal_key() -> str:
    """A key for digests: made once per registry."""
    return secrets.token_hex(32)


def _no_key(source: str) -> FixError:
    return FixError(
        Reason.WRONG_KEY,
        source,
        "holds no key that this registry was encrypted with",
        "give the key file, or SYNCD_KEYS, that belongs to it; start again where it was rotated since",
    )


def _checked(keys: Keys) -> Keys:
    try:
        if keys.texts:
            _ = keys.cipher
            return keys
    except ValueError:
        pass
    raise FixError(
        Reason.WRONG_KEY,
        keys.source,
        "holds no Fernet key, or something else beside it",
        "give the keys that `syncd init` and `syncd key add` made, and nothing else",
    )


def _write(path: Path, texts: Sequence[str]) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("".join(f"{text}\n" for text in texts))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FixError(
            Reason.ACCESS_DENIED,
            str(path),
            f"the key file can't be written: {os.strerror(error.errno or 0)}",
            "let the user that runs syncd write there",
        ) from None


def _flush_folder(folder: Path) -> None:
    # Without it a power failure may bring the old file back, and what the new key encrypted since is lost.
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
