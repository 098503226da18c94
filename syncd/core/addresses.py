"""What settings on both sides may call a server and a place in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MOUNT = re.compile(r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$", re.ASCII)
"""A Vault's mount: no server takes it for another one, and no policy for a pattern."""

_ADDRESS = re.compile(r"https?://[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


def is_address(url: str) -> bool:
    """Is it where a server may be reached, with nothing else in it? A user or a query might be a secret."""
    if not _ADDRESS.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and not (parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:  # a port or an IPv6 address that can't be
        return False


def normal(url: str) -> str:
    """The one spelling of an address that may be written in many."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')}"
