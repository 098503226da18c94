"""What a server, and a mount in it, may be called."""

from __future__ import annotations

import pytest

from syncd.core.addresses import MOUNT, is_address


@pytest.mark.parametrize(
    "url", ["https://vault:8200", "http://127.0.0.1", "https://[::1]:8200", "https://vault.example/behind/a/path"]
)
def test_an_address_is_where_a_server_is(url: str) -> None:
    assert is_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "vault:8200",
        "ftp://vault",
        "https://",
        "https://me:secret@vault",
        "https://vault?token=x",
        "https://vault#x",
        "https://vault:99999",
        "http://[::1",
        "https://vault:port",
        "https://va ult",
        "https://v\u00e4ult",
        "https://vault\n",
    ],
)
def test_an_address_holds_nothing_else_and_can_be_reached(url: str) -> None:
    assert not is_address(url)


@pytest.mark.parametrize("mount", ["secret", "team/kv", "kv-v2", "a.b", "_x"])
def test_a_mount_is_a_path(mount: str) -> None:
    assert MOUNT.fullmatch(mount)


@pytest.mark.parametrize(
    "mount", ["", "/", "a/", "/a", "a//b", "..", "a/../b", "a/./b", "a b", "+/a", 'x"y', "a?x", "%73", "s\u00e9", "a\n"]
)
def test_a_mount_is_taken_for_no_other_and_for_no_pattern(mount: str) -> None:
    assert not MOUNT.fullmatch(mount)
