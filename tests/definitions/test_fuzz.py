"""Whatever a file holds, reading gives definitions or problems with their places, and never a value."""

from __future__ import annotations

import pathlib
import re
import tempfile

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.errors import FixError, Problems, Reason
from syncd.definitions import nodes, read
from tests.definitions.texts import EXAMPLE

PLACE = re.compile(r"f\.yaml:[1-9][0-9]*:[1-9][0-9]*(?: \S.*)?")
SENTINEL = "hunter2"

pieces = st.sampled_from(
    (
        *("workspace: w\n", "connections:\n", "variables: {v: {value: ", "  c:\n", "    host: ", "    extra: "),
        *("{", "}", "[", "]", ", ", ": ", "- ", "? ", "\n", "  ", "\t", "&a ", "*a", "!t ", "<<: ", "'", '"', "|\n"),
        *(">-\n", "#", "---\n", "...\n", "%YAML 1.2\n", "$from", "$stored", "true", "null", "~", "1", "\\", "\u2028"),
        *("é", "😀", "\r", "\0"),
    )
)
texts = st.lists(pieces, max_size=40).map("".join) | st.text()


def told(data: bytes) -> list[str]:
    """The problems of a file, each of them checked for its form."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "f.yaml")
        file.write_bytes(data)
        try:
            read(file).onto(None, prune=False)
        except Problems as error:
            for one in error.errors:
                assert type(one) is FixError
                assert one.reason is Reason.INVALID_DEFINITION
                assert PLACE.fullmatch(one.subject.removeprefix(f"{folder}/")), one.subject
                assert one.problem
            return [f"{one} {one.args!r}" for one in error.errors]
    return []


@given(text=texts)
@example(text="")
@example(text="? ? ? a")
def test_any_text(text: str) -> None:
    told(text.encode("utf-8", "surrogatepass"))


@given(text=texts)
@example(text='"\\UFFFFFFFF"')
@example(text="%YAML " + "9" * 5000 + ".1\n---\n")
def test_any_text_without_libyaml(text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nodes, "_LOADER", yaml.SafeLoader)
        told(text.encode("utf-8", "surrogatepass"))


@given(data=st.binary() | texts.map(lambda text: text.encode("utf-16", "surrogatepass")))
def test_any_bytes(data: bytes) -> None:
    told(data)


@given(data=st.data())
def test_a_broken_file_gives_no_value_away(data: st.DataObject) -> None:
    lines = []
    for line in EXAMPLE.replace("extra: {sslmode: require}", 'extra: {a: ["x", {b: "x"}]}\n    port: 80').splitlines():
        key, _, value = line.partition(": ")
        lines.append(f'{key}: "{SENTINEL}"' if value and not value.startswith(("{", "[")) else line)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["cut", "twice", "indent", "quote", "piece", "end"]))
        if change == "cut":
            lines[index] = ""
        elif change == "twice":
            lines.insert(index, lines[index])
        elif change == "indent":
            lines[index] = " " * data.draw(st.integers(0, 9)) + lines[index].strip()
        elif change == "quote":
            lines[index] = lines[index].replace('"', data.draw(st.sampled_from(["", "'", '""'])))
        elif change == "piece":
            lines[index] += data.draw(pieces)
        else:
            del lines[index + 1 :]
    text = "\n".join(lines)
    assert not [message for message in told(text.encode()) if SENTINEL in message]
