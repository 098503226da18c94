"""Requests to a server that was started here."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

PROBE = 2
"""Seconds for an answer, where it will be asked again."""


@dataclass(frozen=True)
class Answer:
    """What a server says to a request: its status, and the JSON of its body, None where that is empty."""

    status: int
    body: Any


def send(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, ca: Path | None, timeout: float
) -> tuple[int, bytes]:
    """Status and body of the answer; one with an error's status is an answer, too. OSError where nobody answers."""
    request = Request(url, method=method, data=body, headers=dict(headers))  # noqa: S310  our own address
    handlers: list[BaseHandler] = [ProxyHandler({})]  # no proxy is between us and this machine
    if ca is not None:
        handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    try:
        with build_opener(*handlers).open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()
