"""`syncd key add|rotate|retire`."""

from __future__ import annotations

import pytest

from tests.cli.runner import Syncd


@pytest.fixture
def secret(syncd: Syncd) -> Syncd:
    """With one stored secret."""
    syncd.ok("connection", "update", "warehouse", "password=-", stdin=b"hunter2")
    return syncd


def test_a_key_is_changed_in_three_steps(secret: Syncd) -> None:
    before = (secret.home / "keys").read_text()
    steps = [secret.ok("key", verb).out for verb in ("add", "rotate", "retire")]
    after = (secret.home / "keys").read_text()

    assert "2 keys in" in steps[0]
    assert "now `syncd key rotate`" in steps[0]
    assert "now `syncd key retire`" in steps[1]
    assert "keys retired: 1" in steps[2]
    assert len(after.split()) == 1
    assert after != before
    assert "password" in secret.fields("connection", "show", "warehouse")


def test_retire_is_refused_while_an_older_key_is_needed(secret: Syncd) -> None:
    secret.ok("key", "add")
    result = secret("key", "retire")

    assert result.code == 1
    assert "still need an older key → `syncd key rotate` first" in result.said


def test_a_wrong_key_is_told(secret: Syncd) -> None:
    other = "3b0bdPiLpFhyFVoBhBrKBSQp9fSxkPpzcYMe4wFCvmA="
    (secret.home / "keys").write_text(other)
    result = secret("connection", "list")

    assert result.code == 1
    assert "holds no key that this registry was encrypted with" in result.said
    assert other not in result.said


def test_keys_in_the_environment_arent_changed(secret: Syncd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_KEYS", (secret.home / "keys").read_text().strip())
    result = secret("key", "add")

    assert result.code == 1
    assert "put a new Fernet key before the others in SYNCD_KEYS" in result.said
