"""`syncd key add|rotate|retire`: what encrypts the secrets at rest."""

from __future__ import annotations

import typer

from syncd.cli import show
from syncd.cli.options import Output, OutputOption
from syncd.cli.session import opened

app = typer.Typer(
    name="key",
    help="What encrypts the registry's secrets.\n\n"
    "To change the key: `syncd key add`, `syncd key rotate`, `syncd key retire`, and keep a copy of the key file safe: "
    "without it no secret of the registry can be read. The file is SYNCD_HOME/keys, or SYNCD_KEY_FILE; SYNCD_KEYS "
    "holds keys themselves.",
    no_args_is_help=True,
)


@app.command()
def add(output: OutputOption = Output.TABLE) -> None:
    """Put a new key first in the key file.

    It encrypts from now on; the older ones still decrypt.
    """
    from syncd.registry import keys

    _, registry = opened()
    made = keys.add(registry)
    _said(output, f"{len(made.texts)} keys in {made.source}; now `syncd key rotate`", {"keys": len(made.texts)})


@app.command()
def rotate(output: OutputOption = Output.TABLE) -> None:
    """Encrypt everything anew with the first key."""
    from syncd.registry import keys

    _, registry = opened()
    with show.progress() as progress:
        count = keys.rotate(registry, lambda done, total: progress("registry", done, total))
    _said(output, f"encrypted anew: {count}; now `syncd key retire`", {"rotated": count})


@app.command()
def retire(output: OutputOption = Output.TABLE) -> None:
    """Drop every key but the first.

    Refused while anything still needs an older one.
    """
    from syncd.registry import keys

    _, registry = opened()
    count = keys.retire(registry)
    _said(output, f"keys retired: {count}", {"retired": count})


def _said(output: Output, text: str, document: dict[str, int]) -> None:
    if output is Output.JSON:
        show.as_json(document)
    else:
        show.say(show.DONE, text)
