"""References: read through the operator's allow-list, as they are, once; an error says why not, and never a value."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.errors import FixError, Reason, SyncError
from syncd.core.model import Reference
from syncd.references import LARGEST, Allowed, once, read
from tests.targets.processes import unprivileged

SECRET = "tell-nobody"
REFUSED, UNREADABLE = Reason.REFERENCE_REFUSED, Reason.REFERENCE_UNREADABLE


def value(reference: Reference, allowed: Allowed, environ: Mapping[str, str] | None = None) -> str | SyncError:
    return read([reference], allowed, environ or {})[reference]


def refusal(found: str | SyncError) -> Reason:
    assert isinstance(found, SyncError), found
    return found.reason


def env(name: str, environ: Mapping[str, str], *patterns: str) -> str | SyncError:
    return value(Reference("env", name), Allowed(env=patterns), environ)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A folder that may be read."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def file(path: Path | str, *files: Path, never: Iterable[Path] = (), base: Path = Path("/")) -> str | SyncError:
    return value(Reference("file", str(path)), Allowed(files=files, never=tuple(never), base=base))


def content(secrets: Path, data: bytes) -> str | SyncError:
    (secrets / "one").write_bytes(data)
    return file(secrets / "one", secrets)


# What may be read: the environment


@pytest.mark.parametrize("pattern", ["WAREHOUSE_PASSWORD", "WAREHOUSE_*", "*", "WAREHOUSE_PASSWOR?", "[W]*"])
def test_a_name_that_a_pattern_allows_is_read(pattern: str) -> None:
    assert env("WAREHOUSE_PASSWORD", {"WAREHOUSE_PASSWORD": SECRET}, "OTHER", pattern) == SECRET


@pytest.mark.parametrize("pattern", ["WAREHOUSE", "warehouse_*", "WAREHOUSE_", "", "?"])
def test_a_name_that_no_pattern_allows_is_refused(pattern: str) -> None:
    assert refusal(env("WAREHOUSE_PASSWORD", {"WAREHOUSE_PASSWORD": SECRET}, pattern)) is REFUSED


def test_nothing_is_readable_unless_it_is_named(secrets: Path) -> None:
    assert refusal(value(Reference("env", "HOME"), Allowed(), {"HOME": "/root"})) is REFUSED
    assert refusal(value(Reference("file", "/etc/hostname"), Allowed())) is REFUSED


@pytest.mark.parametrize("own", ["SYNCD_KEYS", "VAULT_TOKEN", "VAULT_SECRET_ID", "VAULT_CLIENT_KEY", "KUBECONFIG"])
def test_what_may_hold_syncds_own_credentials_is_never_readable_whatever_allows_it(own: str) -> None:
    for pattern in ("*", f"{own[:3]}*", own):
        found = env(own, {own: SECRET}, pattern)
        assert refusal(found) is REFUSED
        assert "one of syncd's own credentials, and never readable; give the value another name" in str(found)


@pytest.mark.parametrize("name", ["VAULT_ADDR", "VAULT_TOKENS_OF_OURS", "KUBERNETES_SERVICE_HOST"])
def test_what_holds_none_of_them_is_readable_where_it_is_allowed(name: str) -> None:
    assert env(name, {name: SECRET}, "*") == SECRET


def test_a_name_that_is_not_set_is_told_from_one_that_is_refused() -> None:
    assert refusal(env("WAREHOUSE", {}, "WAREHOUSE")) is UNREADABLE
    assert "isn't set" in str(env("WAREHOUSE", {}, "WAREHOUSE"))


def test_whether_a_name_is_set_is_not_told_where_it_is_refused() -> None:
    assert str(env("HOME", {}, "A")) == str(env("HOME", {"HOME": "/root"}, "A"))


@pytest.mark.parametrize("text", [" ", "a\n", "a\r\n", "\n", "é🔑", "a=b", "${HOME}"])
def test_a_value_of_the_environment_is_taken_as_it_is(text: str) -> None:
    assert env("A", {"A": text}, "A") == text


def test_what_came_out_empty_is_an_error(secrets: Path) -> None:
    for found in (env("A", {"A": ""}, "A"), *(content(secrets, data) for data in (b"", b"\n", b"\r\n"))):
        assert refusal(found) is UNREADABLE
        assert "is empty" in str(found)


@pytest.mark.parametrize("text", [os.fsdecode(b"caf\xe9"), "\ud800"])
def test_a_value_of_the_environment_that_is_no_utf_8_is_an_error(text: str) -> None:
    assert refusal(env("A", {"A": text}, "A")) is UNREADABLE


def test_a_value_of_the_environment_may_be_as_large_as_one_of_a_file() -> None:
    assert env("A", {"A": "x" * LARGEST}, "A") == "x" * LARGEST
    assert refusal(env("A", {"A": "x" * (LARGEST + 1)}, "A")) is UNREADABLE


# What may be read: files


def test_a_file_that_is_named_is_read(secrets: Path) -> None:
    (secrets / "one").write_text(SECRET, "utf-8")
    assert file(secrets / "one", secrets / "one") == SECRET


def test_a_file_anywhere_below_a_folder_that_is_named_is_read(secrets: Path) -> None:
    (secrets / "a/b").mkdir(parents=True)
    (secrets / "a/b/one").write_text(SECRET, "utf-8")
    assert file(secrets / "a/b/one", secrets) == SECRET


def test_a_relative_path_begins_at_the_base(secrets: Path) -> None:
    (secrets / "one").write_text(SECRET, "utf-8")
    assert file("secrets/one", secrets, base=secrets.parent) == SECRET
    assert refusal(file("secrets/one", secrets)) is REFUSED


@pytest.mark.parametrize("path", ["one", "secrets2/one", "secrets/../one", "secrets/a/../../one", "secrets/./../one"])
def test_a_file_outside_is_refused_however_it_is_written(secrets: Path, path: str) -> None:
    (secrets / "a").mkdir()
    for outside in (secrets.parent / "one", secrets.parent / "secrets2/one"):
        outside.parent.mkdir(exist_ok=True)
        outside.write_text(SECRET, "utf-8")
    assert refusal(file(f"{secrets.parent}/{path}", secrets)) is REFUSED


def test_dots_that_stay_inside_are_no_harm(secrets: Path) -> None:
    (secrets / "a").mkdir()
    (secrets / "one").write_text(SECRET, "utf-8")
    assert file(f"{secrets}/a/../one", secrets) == SECRET


def test_a_link_inside_that_leads_outside_is_refused(secrets: Path) -> None:
    (secrets.parent / "one").write_text(SECRET, "utf-8")
    (secrets / "link").symlink_to(secrets.parent / "one")
    (secrets / "folder").symlink_to(secrets.parent)
    assert refusal(file(secrets / "link", secrets)) is REFUSED
    assert refusal(file(secrets / "folder/one", secrets)) is REFUSED
    assert refusal(file(secrets / "folder/absent", secrets)) is REFUSED


def test_a_link_that_stays_inside_is_followed_as_the_kubelet_makes_them(secrets: Path) -> None:
    (secrets / "..2026").mkdir()
    (secrets / "..2026/one").write_text(SECRET, "utf-8")
    (secrets / "..data").symlink_to("..2026")
    (secrets / "one").symlink_to("..data/one")
    assert file(secrets / "one", secrets) == SECRET


def test_a_folder_that_is_named_by_a_link_is_the_folder(secrets: Path) -> None:
    (secrets / "one").write_text(SECRET, "utf-8")
    link = secrets.parent / "link"
    link.symlink_to(secrets)
    assert file(secrets / "one", link) == SECRET
    assert file(link / "one", link) == SECRET


@pytest.mark.parametrize("never", ["keys", "link-to-keys", "folder"])
def test_what_is_never_readable_wins_over_what_is_allowed(secrets: Path, never: str) -> None:
    (secrets / "folder").mkdir()
    (secrets / "folder/keys").write_text(SECRET, "utf-8")
    (secrets / "keys").write_text(SECRET, "utf-8")
    (secrets / "link-to-keys").symlink_to("keys")
    (secrets / "alias").symlink_to("keys")
    path = secrets / "folder/keys" if never == "folder" else secrets / "alias"
    assert refusal(file(path, secrets, path, never=[secrets / never])) is REFUSED


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/cmdline", "/proc/1/maps"])
def test_what_a_process_has_is_never_readable(path: str) -> None:
    assert refusal(file(path, Path("/"))) is REFUSED


def test_a_file_that_is_missing_is_told_from_one_that_is_refused(secrets: Path) -> None:
    (secrets / "file").write_text("x", "utf-8")
    for path in ("absent", "no/folder/one", "file/one"):
        found = file(secrets / path, secrets)
        assert refusal(found) is UNREADABLE
        assert "isn't there" in str(found)


def test_whether_a_file_is_there_is_not_told_where_it_is_refused(secrets: Path) -> None:
    path = secrets.parent / "one"
    absent = str(file(path, secrets))
    path.write_text(SECRET, "utf-8")
    assert str(file(path, secrets)) == absent


def test_a_file_that_this_user_must_not_read_is_told_from_one_that_is_missing(secrets: Path) -> None:
    (secrets / "one").write_text(SECRET, "utf-8")
    (secrets / "one").chmod(0)
    for folder in (secrets, *secrets.parents[:2]):
        folder.chmod(0o755)
    found = unprivileged(lambda: str(file(secrets / "one", secrets)))
    assert found == f"file:{secrets}/one: can't be read by the user that runs syncd"


# What a value is


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a", "a"),
        (b"a\n", "a"),
        (b"a\r\n", "a"),
        (b"a\n\n", "a\n"),
        (b"a\r\n\r\n", "a\r\n"),
        (b"a\r", "a\r"),
        (b"a\n\r", "a\n\r"),
        (b" a \n", " a "),
        (b"a\nb\n", "a\nb"),
        ("é🔑\n".encode(), "é🔑"),
        (b"007", "007"),
    ],
)
def test_one_newline_at_the_end_is_the_editors_and_all_else_is_the_value(secrets: Path, data: bytes, text: str) -> None:
    assert content(secrets, data) == text


@given(st.binary(max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_is_its_text_or_an_error(secrets: Path, data: bytes) -> None:
    found = content(secrets, data)
    if isinstance(found, str):
        assert data in (found.encode(), f"{found}\n".encode(), f"{found}\r\n".encode())


def test_a_file_may_hold_64_kib_and_not_a_byte_more(secrets: Path) -> None:
    assert content(secrets, b"x" * 64 * 1024) == "x" * 64 * 1024
    assert refusal(content(secrets, b"x" * (64 * 1024 + 1))) is UNREADABLE
    assert refusal(content(secrets, b"x" * 64 * 1024 + b"\n")) is UNREADABLE


def test_a_file_without_end_is_not_read_to_its_end(secrets: Path) -> None:
    with (secrets / "one").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert refusal(file(secrets / "one", secrets)) is UNREADABLE


NOT_TEXT = {
    "Latin-1": "café".encode("latin-1"),
    "UTF-16": "password".encode("utf-16"),
    "UTF-16 without a mark": "password".encode("utf-16-le"),
    "a NUL": b"pass\x00word",
    "half a character": "é".encode()[:1],
    "a surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
}


@pytest.mark.parametrize("data", NOT_TEXT.values(), ids=NOT_TEXT)
def test_what_is_no_text_in_utf_8_is_an_error_and_never_a_guess(secrets: Path, data: bytes) -> None:
    assert refusal(content(secrets, data)) is UNREADABLE


# What is no plain file


def test_a_fifo_is_an_error_and_nobody_waits_for_it(secrets: Path) -> None:
    os.mkfifo(secrets / "one")
    assert "no plain file" in str(file(secrets / "one", secrets))


def test_a_folder_is_an_error(secrets: Path) -> None:
    assert "no plain file" in str(file(secrets, secrets))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_an_error(device: str) -> None:
    assert refusal(file(device, Path("/dev"))) is UNREADABLE


def test_a_socket_is_an_error(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(secrets)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("one")
        assert "no plain file" in str(file(secrets / "one", secrets))


def test_a_ring_of_links_is_an_error(secrets: Path) -> None:
    (secrets / "one").symlink_to("other")
    (secrets / "other").symlink_to("one")
    assert refusal(file(secrets / "one", secrets)) in (REFUSED, UNREADABLE)


# However it ends


STRANGE = [
    "\x00",
    "a\x00b",
    "\ud800",
    "a" * 5000,
    "/" + "a/" * 3000,
    "~",
    "~root/.ssh/id_rsa",
    "$HOME",
    ".",
    "..",
    "//",
]


@pytest.mark.parametrize("location", STRANGE)
@pytest.mark.parametrize("scheme", ["env", "file", "vault", ""])
def test_no_reference_raises(scheme: str, location: str) -> None:
    allowed = Allowed(env=("*",), files=(Path("/nowhere"),))
    assert isinstance(value(Reference(scheme, location), allowed), FixError)
    assert isinstance(value(Reference(scheme, location), Allowed(env=("*",), files=(Path("/"),))), SyncError)


def test_one_that_can_not_be_read_stops_no_other(secrets: Path) -> None:
    (secrets / "one").write_text(SECRET, "utf-8")
    some = [Reference("file", f"{secrets}/{name}") for name in ("absent", "one")] + [Reference("env", "HOME")]
    found = read(some, Allowed(files=(secrets,)), {"HOME": "/root"})
    assert list(found) == some
    assert [isinstance(one, str) for one in found.values()] == [False, True, False]


def test_no_error_holds_a_value(secrets: Path) -> None:
    for name, data in {"large": SECRET * LARGEST, "latin": f"{SECRET}\xe9", "nul": f"{SECRET}\x00"}.items():
        (secrets / name).write_bytes(data.encode("latin-1"))
    some = [Reference("file", f"{secrets}/{path.name}") for path in secrets.iterdir()]
    environ = {"LARGE": SECRET * LARGEST, "LATIN": os.fsdecode(f"{SECRET}\xe9".encode("latin-1")), "SYNCD_KEYS": SECRET}
    some += [Reference("env", name) for name in environ]
    for error in read(some, Allowed(env=("*",), files=(secrets,)), environ).values():
        assert isinstance(error, SyncError)
        assert SECRET not in f"{error} {error!r} {error.__context__!r} {error.__traceback__}"
        assert SECRET.encode() not in pickle.dumps(error)


def test_a_refusal_names_the_setting_that_would_allow_it(secrets: Path) -> None:
    assert "[references] env" in str(env("HOME", {}))
    assert "[references] files" in str(file(secrets.parent / "one", secrets))


# Once


class Counted(dict[str, str]):
    """An environment that counts how often it is asked."""

    asked = 0

    def get(self, name: str, default: object = None) -> str:
        self.asked += 1
        return self[name]


def test_each_is_read_once_however_often_it_is_named() -> None:
    environ, one = Counted(A="x"), Reference("env", "A")
    assert read([one, Reference("env", "A"), one], Allowed(env=("A",)), environ) == {one: "x"}
    assert environ.asked == 1


def test_a_reader_that_is_kept_asks_once(secrets: Path) -> None:
    (secrets / "one").write_text("before", "utf-8")
    one, environ, there = Reference("env", "A"), Counted(A="x"), Reference("file", str(secrets / "one"))
    reader = once(Allowed(env=("A",), files=(secrets,)), environ)
    assert reader([one, there]) == {one: "x", there: "before"}
    (secrets / "one").write_text("after", "utf-8")
    assert reader([there, one]) == {one: "x", there: "before"}
    assert environ.asked == 1
