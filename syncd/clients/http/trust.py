"""TLS: whom we trust, what we show of ourselves, and what is wrong with the files that say so."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import NamedTuple

from syncd.core.errors import FixError, Reason

_NO_CERTIFICATE = "holds no certificate in PEM"


class Remedies(NamedTuple):
    """How people are told what names the authority's file, our certificate's, and what to do about a stranger."""

    ca: str
    certificate: str
    untrusted: str


def context(ca: str, certificate: str, key: str, *, verify: bool, remedies: Remedies) -> ssl.SSLContext:
    """Empty names: the system's authorities, no certificate of ours, a key beside its certificate.

    Raises FixError where a file can't be used.
    """
    try:
        made = ssl.create_default_context(cafile=ca or None)
    except OSError:  # an error of TLS is one as well
        if not ca:
            raise
        raise _unusable(ca, _NO_CERTIFICATE, remedies.ca) from None
    made.sslsocket_class = Closing
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if certificate:
        try:
            # No password: OpenSSL would ask for one at the terminal.
            made.load_cert_chain(certificate, key or None, password=lambda: b"")
        except OSError as error:
            raise _which(certificate, key or certificate, error, remedies.certificate) from None
    return made


class Closing(ssl.SSLSocket):
    """Closed with its last reference: where a peer hangs up before a handshake, the library drops it open."""

    def __del__(self) -> None:
        self.close()


def _which(certificate: str, key: str, error: OSError, remedy: str) -> FixError:
    """OpenSSL doesn't say which of the two files it means."""
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return FixError(Reason.INVALID_SETTINGS, key, f"isn't the key of the certificate {certificate}", remedy)
    try:
        ssl.create_default_context(cafile=certificate)
    except OSError:
        return _unusable(certificate, _NO_CERTIFICATE, remedy)
    return _unusable(key, "holds no private key in PEM that opens without a password", remedy)


def _unusable(file: str, otherwise: str, remedy: str) -> FixError:
    try:
        with Path(file).open("rb") as stream:
            stream.read(1)
    except FileNotFoundError:
        problem = "isn't there"
    except OSError as why:
        problem = f"can't be read: {os.strerror(why.errno or 0)}"
    else:
        problem = otherwise
    return FixError(Reason.INVALID_SETTINGS, file, problem, remedy)
