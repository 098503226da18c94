"""Where a server's binary comes from: PATH, a folder that a variable names, or a build that is made once."""

from __future__ import annotations

import stat
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from servers import binaries

# In place of Go: notes each run, and makes a file of the name that it is told.
GO = """
    #!/bin/sh
    echo run >>{runs}
    echo "$@" >{runs}.arguments
    while [ "$1" != -o ]; do shift; done
    {then}
    echo built >"$2"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for PATH and a cache, both of this test's own."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nice").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def binary(tmp_path: Path) -> binaries.Binary:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module safe\n")
    return binaries.Binary("Safe", "safe", "1.2.3", module, 7, "no time", ("version",), r"^Safe (\d+)\.(\d+)", (1, 2))


def command(machine: Path, name: str, script: str) -> Path:
    path = machine / "bin" / name
    path.write_text(textwrap.dedent(script).lstrip())
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def go(machine: Path, then: str = ":") -> Path:
    """Where its runs are noted."""
    command(machine, "go", GO.format(runs=machine / "runs", then=then))
    return machine / "runs"


def test_one_on_path_is_used(machine: Path, binary: binaries.Binary) -> None:
    found = command(machine, "safe", "#!/bin/sh\necho Safe 1.10.0")

    assert binaries.find(binary) == binaries.build(binary) == found


@pytest.mark.parametrize("says", ["echo Safe 1.1.9", "echo quite another command", "exit 1"])
def test_one_on_path_that_is_too_old_or_another_is_not_used(machine: Path, binary: binaries.Binary, says: str) -> None:
    command(machine, "safe", f"#!/bin/sh\n{says}")

    with pytest.raises(binaries.Missing, match=r"no safe 1\.2 or later on PATH, and no go to build one with"):
        binaries.build(binary)


def test_one_in_the_folder_that_a_variable_names_is_used_where_path_has_none(
    machine: Path, binary: binaries.Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe = replace(binary, folder="SAFE_ASSETS")
    monkeypatch.setenv("SAFE_ASSETS", str(machine / "assets"))
    with pytest.raises(binaries.Missing, match="on PATH or in SAFE_ASSETS"):
        binaries.find(safe)

    command(machine, "safe", "#!/bin/sh\necho Safe 1.1.9")  # too old
    (machine / "assets").mkdir()
    found = command(machine, "../assets/safe", "#!/bin/sh\necho Safe 1.2.0").resolve()

    assert binaries.find(safe) == found


def test_one_of_another_module_is_built_with_its_version_in_it(machine: Path, binary: binaries.Binary) -> None:
    runs = go(machine)

    binaries.build(replace(binary, package="example.org/safe", stamp="example.org/version.version"))

    arguments = Path(f"{runs}.arguments").read_text()
    assert "-X example.org/version.version=v1.2.3 " in arguments
    assert arguments.endswith(" example.org/safe\n")


def test_one_of_several_says_whom_it_is_built_for(machine: Path, binary: binaries.Binary) -> None:
    with pytest.raises(binaries.Missing, match="dev/server --build bank"):
        binaries.find(replace(binary, server="bank"))


def test_it_is_built_once_and_found_from_then_on(machine: Path, binary: binaries.Binary) -> None:
    runs = go(machine)

    with pytest.raises(binaries.Missing, match="dev/server --build safe"):
        binaries.find(binary)
    built = binaries.build(binary)

    assert built.read_text() == "built\n"
    assert binaries.build(binary) == binaries.find(binary) == built
    assert runs.read_text() == "run\n"


def test_two_at_once_build_it_once(machine: Path, binary: binaries.Binary) -> None:
    runs = go(machine)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(binaries.build, [binary] * 2)

    assert first == second
    assert runs.read_text() == "run\n"


def test_what_it_is_built_from_makes_another_one(machine: Path, binary: binaries.Binary) -> None:
    runs = go(machine)
    before = binaries.build(binary)

    (binary.module / "go.mod").write_text("module safe\n\ngo 1.25\n")

    assert binaries.build(binary) != before
    assert runs.read_text() == "run\nrun\n"


def test_a_build_that_fails_says_why_and_leaves_no_binary(machine: Path, binary: binaries.Binary) -> None:
    go(machine, then='echo half >"$2"; echo "the disk is full" >&2; exit 1')

    with pytest.raises(binaries.Missing, match=r"building Safe failed(.|\n)*the disk is full"):
        binaries.build(binary)
    with pytest.raises(binaries.Missing, match="none is built yet"):
        binaries.find(binary)


def test_a_build_says_up_front_how_long_it_takes(
    machine: Path, binary: binaries.Binary, capsys: pytest.CaptureFixture[str]
) -> None:
    go(machine)

    binaries.build(binary)

    assert capsys.readouterr().err.splitlines()[0] == "building Safe 1.2.3 once, no time"
