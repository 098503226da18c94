"""What is broken is an error that says so, never "not linked", and never shows a value."""

from __future__ import annotations

import json
import logging
import os
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

pytest.importorskip("airflow")
from tests.airflow.broken import Broken
from tests.airflow.documents import SECRET, Shared
from tests.airflow.releases import CHAIN_STOPS

pytestmark = pytest.mark.airflow

BROKEN = Broken[Shared]()
broken = BROKEN.add


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a document; None takes one away."""
    document = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))


def layered(file: Path, **fields: Any) -> None:
    """Change fields of a document's definition layer."""
    layers = json.loads(file.read_text())["layers"]
    edit(file, layers={**layers, "definition": {**layers["definition"], **fields}})


@broken("a mistyped deployment", "has no nameplate, neither at analytics/deployments/etl-dve/nameplate nor at")
def _(shared: Shared) -> dict[str, Any]:
    return {"deployment": "etl-dve"}


@broken("a mistyped workspace", "has no nameplate")
def _(shared: Shared) -> dict[str, Any]:
    return {"workspace": "analytisc"}


@broken("a folder that isn't there", "has no nameplate")
def _(shared: Shared) -> None:
    shutil.rmtree(shared.root)


@broken("a folder that is a file", "Not a directory")
def _(shared: Shared) -> None:
    shutil.rmtree(shared.root)
    shared.root.write_text("")


@broken("a document of another workspace", "is of another workspace, not of other")
def _(shared: Shared) -> dict[str, Any]:
    return {"workspace": "other", "prefix": "analytics"}


@broken("the nameplate of another deployment", "is the nameplate of another deployment, not of etl-dev")
def _(shared: Shared) -> None:
    shared.file("connections/torn").unlink()
    shutil.copy(shared.file("nameplate", "etl-prod"), shared.file("nameplate"))


@broken("a nameplate that is no JSON", "nameplate: is no JSON object")
def _(shared: Shared) -> None:
    shared.file("connections/torn").unlink()
    shared.file("nameplate").write_text(f'{{"workspace": "analytics", "{SECRET}')


@broken("a nameplate of a later format", "has format 99, and this release reads 1; upgrade")
def _(shared: Shared) -> None:
    shared.file("connections/torn").unlink()
    edit(shared.file("nameplate"), format=99)


@broken("a document of a later format", "has format 99, and this release reads 1; upgrade")
def _(shared: Shared) -> None:
    edit(shared.file("connections/torn"), format=99)


@broken("a document of no format", "is no document of ours")
def _(shared: Shared) -> None:
    edit(shared.file("connections/torn"), format=None)


@broken("a document cut short", "connections/torn: is no JSON object")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.write_bytes(file.read_bytes()[:-5])


@broken("a document that is no text", "connections/torn: is no JSON object")
def _(shared: Shared) -> None:
    shared.file("connections/torn").write_bytes(b"\xff\xfe" + SECRET.encode())


@broken("an empty document", "connections/torn: is no JSON object")
def _(shared: Shared) -> None:
    shared.file("connections/torn").write_bytes(b"")


@broken("a document that nests too deeply", "connections/torn: is no JSON object")
def _(shared: Shared) -> None:
    shared.file("connections/torn").write_text('{"a":' * 100_000)


@broken("a document that is a list", "connections/torn: is no JSON object")
def _(shared: Shared) -> None:
    shared.file("connections/torn").write_text(json.dumps([SECRET]))


@broken("a layer that nobody knows", "it has a layer that this release doesn't know")
def _(shared: Shared) -> None:
    edit(shared.file("connections/torn"), layers={"service": {"conn_type": SECRET}})


@broken("layers that are a text", "its layers can't be read")
def _(shared: Shared) -> None:
    edit(shared.file("connections/torn"), layers=SECRET)


@broken("secrets that are a text", "its secrets can't be read")
def _(shared: Shared) -> None:
    edit(shared.file("connections/torn"), secrets=SECRET)


@broken("a port that is a text", "port: a whole number is wanted here")
def _(shared: Shared) -> None:
    layered(shared.file("connections/torn"), port=SECRET)


@broken("an extra that is a text", "extra: an object (key: value) is wanted here")
def _(shared: Shared) -> None:
    layered(shared.file("connections/torn"), extra=SECRET)


@broken("a field that no connection has", "hots: no field of a connection")
def _(shared: Shared) -> None:
    layered(shared.file("connections/torn"), hots=SECRET)


@broken("a text that UTF-8 can't hold", "host: text that UTF-8 can't hold")
def _(shared: Shared) -> None:
    layered(shared.file("connections/torn"), host=f"\ud800{SECRET}")


@broken("no conn_type", "connection torn: has no conn_type")
def _(shared: Shared) -> None:
    layered(shared.file("connections/torn"), conn_type="")


@broken("a link out of the folder", "is a link that leads out of")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.rename(shared.root.parent / "outside")
    file.symlink_to(shared.root.parent / "outside")


@broken("a link to what isn't mounted", "is a link that leads out of")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.unlink()
    file.symlink_to(shared.root.parent / "unmounted" / "torn")


@broken("a folder that is a link to what isn't mounted", "is a link that leads out of")
def _(shared: Shared) -> None:
    folder = shared.file("connections")
    shutil.rmtree(folder)
    folder.symlink_to(shared.root.parent / "unmounted")


@broken("a link to itself", "Too many levels of symbolic links")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.unlink()
    file.symlink_to("torn")


@broken("a folder where the document should be", "can't be read: Is a directory")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.unlink()
    file.mkdir()


@broken("a file where the folder should be", "can't be read: Not a directory")
def _(shared: Shared) -> None:
    folder = shared.file("connections")
    shutil.rmtree(folder)
    folder.write_text("")


@broken("a pipe where the document should be", "connections/torn: is no plain file")
def _(shared: Shared) -> None:
    file = shared.file("connections/torn")
    file.unlink()
    os.mkfifo(file)


@broken("no kwargs at all", "backend_kwargs: nothing is set")
def _(shared: Shared) -> dict[str, Any]:
    return {"workspace": ..., "deployment": ..., "path": ...}


@broken(
    "a local layer that can't be right", "backend_kwargs: local.connections.torn.port: a whole number is wanted here"
)
def _(shared: Shared) -> dict[str, Any]:
    return {"local": {"connections": {"torn": {"port": f"{SECRET}-local", "password": f"{SECRET}-local"}}}}


@pytest.fixture(params=BROKEN)
def case(request: pytest.FixtureRequest, backend: type[Any], shared: Shared) -> tuple[Any, str]:
    """A backend over something broken, and a part of its error."""
    break_, error = BROKEN[request.param]
    kwargs = shared.kwargs(**(break_(shared) or {}))
    return backend(**{name: value for name, value in kwargs.items() if value is not ...}), error


def test_it_is_an_error_that_says_what_is_wrong(case: tuple[Any, str], caplog: pytest.LogCaptureFixture) -> None:
    ours, error = case

    with pytest.raises(Exception, match="connection 'torn' can't be had") as raised:
        ours.get_connection("torn")

    (record,) = [record for record in caplog.records if record.name.startswith("airflow_plugin")]
    assert record.levelno == logging.ERROR
    assert error in record.getMessage()
    assert error in str(raised.value)


def test_it_stops_the_chain_or_says_that_it_cannot(case: tuple[Any, str], caplog: pytest.LogCaptureFixture) -> None:
    ours, _ = case

    with pytest.raises(Exception, match="can't be had") as raised:
        ours.get_conn_value("torn")

    if CHAIN_STOPS:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

        assert raised.type is AirflowSecretsBackendAccessDenied
        assert "no other backend is asked" in caplog.text
    else:
        assert "this Airflow asks its other backends all the same" in caplog.text


def test_it_shows_no_value_not_even_in_a_traceback_with_locals(
    case: tuple[Any, str], caplog: pytest.LogCaptureFixture
) -> None:
    ours, _ = case

    with pytest.raises(Exception, match="can't be had") as raised:
        ours.get_connection("torn")

    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "torn" in shown
    assert SECRET not in shown
    assert SECRET not in caplog.text
    assert raised.value.__context__ is None


def test_next_is_not_asked(case: tuple[Any, str], shared: Shared) -> None:
    ours, _ = case
    kwargs = dict(ours.kwargs)
    if not kwargs:
        pytest.skip("nothing is set, nor is `next`")
    trapped = type(ours)(**kwargs, next={"backend": f"{__name__}.Trap"})

    with pytest.raises(Exception, match="can't be had"):
        trapped.get_connection("torn")

    with pytest.raises(Exception, match="can't be had"):
        trapped.get_conn_value("torn")


class Trap:
    """A backend that nobody must ask."""

    def get_connection(self, conn_id: str) -> Any:
        raise AssertionError("asked")

    get_conn_value = get_connection


def test_a_variable_is_refused_alike(backend: type[Any], shared: Shared, caplog: pytest.LogCaptureFixture) -> None:
    shared.file("variables/region").write_text(SECRET)

    with pytest.raises(Exception, match="variable 'region' can't be had"):
        backend(**shared.kwargs()).get_variable("region")

    assert SECRET not in caplog.text


def test_a_torn_document_is_told_although_it_was_good_before(backend: type[Any], shared: Shared) -> None:
    ours = backend(**shared.kwargs())
    assert ours.get_conn_value("warehouse") is not None
    shared.file("connections/warehouse").write_text("{")

    with pytest.raises(Exception, match="is no JSON object"):
        ours.get_conn_value("warehouse")


def test_one_torn_document_leaves_the_others_alone(backend: type[Any], shared: Shared) -> None:
    shared.file("connections/torn").write_text("{")

    assert backend(**shared.kwargs()).get_conn_value("warehouse") is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", ["nameplate", "connections/warehouse", "connections"])
def test_what_another_user_may_not_read_is_an_error(backend: type[Any], shared: Shared, name: str) -> None:
    assert backend(**shared.kwargs()).get_conn_value("warehouse") is not None
    with TemporaryDirectory() as folder:  # pytest's own is closed to others
        open_ = Shared(shared.root.rename(Path(folder, "shared")), shared.workspace)
        for path in (Path(folder), *Path(folder).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        open_.file(name).chmod(0o600)

        told = _as_nobody(
            lambda: backend(**open_.kwargs()).get_conn_value("nonesuch" if name == "nameplate" else "warehouse")
        )

    assert f"{name}" in told
    assert "can't be read by this user" in told


def _as_nobody(look: Callable[[], Any]) -> str:
    """What a lookup comes to in a child that has become another user."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setuid(65534)
            text = str(look())
        except BaseException as error:  # noqa: BLE001  it is what the parent asks about
            text = str(error)
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    os.waitpid(child, 0)
    return text
