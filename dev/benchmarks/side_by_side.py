"""A backend that asks a server, ours against stock: each in fresh processes, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import backend
from runs import Companion, in_turns, say
from table import Promise, Row

SIZE = 100
ROUNDS = 7
"""Fresh processes, a first lookup each; later ones are measured in each of them."""

TURNS = 4
NAMES = ("ours", "stock")


def compared(label: str, stock: str, later_promise: float, process: Callable[[str], Companion]) -> Iterator[Row]:
    """`process` starts one of NAMES. Airflow imports a backend when it is imported itself: stock has its library by
    then, and ours has nothing."""
    started: list[float] = []
    first: list[float] = []
    later: list[float] = []
    ids = backend.spread(SIZE)
    for name in NAMES:
        with process(name) as once:
            once.ask(ids[:1])  # compiles what was just installed
    for number in range(ROUNDS):
        say(f"{label}: round {number + 1} of {ROUNDS}")
        with ExitStack() as running:
            asked = {name: running.enter_context(process(name)) for name in NAMES[:: 1 if number % 2 else -1]}
            took = {name: asked[name].ask(ids[:1]) for name in asked}
            if took["ours"]["found"] != took["stock"]["found"]:
                raise RuntimeError("the backends don't give the same connection")
            since = {name: one["imported"] + one["seconds"] for name, one in took.items()}
            started.append(since["ours"] / since["stock"])
            first.append(took["ours"]["seconds"] / took["stock"]["seconds"])
            one, other = asked["ours"], asked["stock"]
            later += in_turns(TURNS, lambda: one.ask(ids)["seconds"], lambda: other.ask(ids)["seconds"])  # noqa: B023  called at once
    yield Row("first lookup of a process, with its login and its imports", stock, started, Promise(1))
    yield Row("the same without what `import airflow` imports", stock, first)
    yield Row(f"later lookups of {SIZE} ids in turn, nothing cached", stock, later, Promise(later_promise))
