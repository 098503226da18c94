"""Which of a deployment's Secrets holds what: the same for who writes them, asks for one, or mounts them all."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from syncd.core.documents import NAMEPLATE

SECRETS = 4
"""Over how many Secrets a deployment's documents are spread unless it is told otherwise."""

MOST = 64
"""Secrets that a deployment's documents are spread over at most."""


@lru_cache(maxsize=4096)
def slot(key: str, secrets: int) -> int:
    """Which of so many Secrets holds a key: it stays where it is whatever else comes or goes."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % secrets


def secret_name(prefix: str, deployment: str, number: int) -> str:
    """`analytics.etl-dev.0`: with dashes, two prefixes and deployments could share one."""
    return f"{prefix}.{deployment}.{number}"


def own_plate(number: int) -> str:
    """The key of a Secret's own nameplate: in a volume of many, it tells that this one is mounted."""
    return f"{NAMEPLATE}.{number}"


def is_plate(key: str) -> bool:
    """Is it a nameplate's key, the deployment's or a Secret's own?"""
    return key.partition(".")[0] == NAMEPLATE
