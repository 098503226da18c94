"""Tell Airflow's log maskers about secrets that it wouldn't mask by itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

_MASKERS = ("airflow.sdk.log", "airflow._shared.secrets_masker", "airflow.utils.log.secrets_masker")
"""The Task SDK's (Airflow 3.0), which tells the supervisor too; the core's (3.1); Airflow 2's."""


def mask(secrets: Iterable[str]) -> None:
    """Mask these texts in every log of this process. Never raises: a masker that can't be reached fails no lookup."""
    secrets = [secret for secret in secrets if secret]
    for name in _MASKERS if secrets else ():
        try:
            mask_secret = importlib.import_module(name).mask_secret
        except (ImportError, AttributeError):
            continue
        for secret in secrets:
            try:
                mask_secret(secret)
            except Exception:  # noqa: BLE001, S112  in a triggerer's event loop the message to the supervisor may fail
                continue
