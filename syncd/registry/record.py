"""What lies in each target, as far as this registry knows: views and stamps, intents, digests. Never a value."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, select, update

from syncd.core.documents import Mark, Observed, Place, Stamp, View, read_mark
from syncd.core.errors import Reason
from syncd.core.model import Reference
from syncd.core.outcome import Outcome
from syncd.core.ports import Standing
from syncd.registry import status, tables
from syncd.registry.database import Registry, fill, reading, writing
from syncd.registry.lease import Lease, trace

_CHUNK = 500

_NOT_THE_TARGETS = frozenset(
    {Reason.INVALID_DEFINITION, Reason.REFERENCE_REFUSED, Reason.REFERENCE_UNREADABLE, Reason.DELETES_HELD}
)
"""Reasons that say nothing of what lies in the target."""


@dataclass(frozen=True)
class Record:
    """One workspace's share, as `syncd.core.ports.Record` has it. Without a lease it can only be read."""

    registry: Registry
    workspace: str
    lease: Lease | None = None

    def observed(self, target: str, objects: Collection[str]) -> Observed:
        stamps: dict[str, Stamp] = {}
        views: dict[Place, View] = {}
        parse = _Views()
        with reading(self.registry.engine) as connection:
            for row in self._rows(connection, tables.objects, target, objects):
                stamps[row.object] = Stamp(None if row.mark is None else read_mark(json.loads(row.mark)), row.version)
            for row in self._rows(connection, tables.documents, target, objects):
                views[Place(row.object, row.key)] = parse(row.view)
        return Observed(views, stamps)

    def counts(self, target: str) -> Mapping[str, int]:
        table = tables.statuses
        query = (
            select(table.c.deployment, func.count())
            .where(self._at(table, target), table.c.last_success.is_not(None))
            .group_by(table.c.deployment)
        )
        with reading(self.registry.engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def unsettled(self, target: str) -> frozenset[str]:
        return frozenset(self._column(tables.intents, target, "object"))

    def objects(self, target: str) -> frozenset[str]:
        """Every object known to lie there."""
        return frozenset(self._column(tables.objects, target, "object"))

    def versions(self, target: str) -> Mapping[str, str]:
        table = tables.objects
        with reading(self.registry.engine) as connection:
            rows = connection.execute(select(table.c.object, table.c.version).where(self._at(table, target)))
            return {row.object: row.version for row in rows}

    def revisions(self, target: str) -> Mapping[str, int]:
        table, marks = tables.objects, _Revisions(self.registry.instance)
        with reading(self.registry.engine) as connection:
            rows = connection.execute(select(table.c.object, table.c.mark).where(self._at(table, target)))
            return {name: revision for name, text in rows if (revision := marks(text)) is not None}

    def standing(self, target: str) -> Standing | None:
        table = tables.standings
        with reading(self.registry.engine) as connection:
            row = connection.execute(select(table.c.where, table.c.revision).where(self._at(table, target))).first()
        return None if row is None else Standing(*row)

    def stands(self, target: str, standing: Standing) -> None:
        """Take a person's word for where it stands, and for what was written there; the next pass looks at all."""
        passes = tables.passes
        with writing(self.registry.engine) as connection:
            self._stands(connection, target, standing)
            self._forget(connection, tables.objects, target, (), whole=True)
            self._forget(connection, tables.documents, target, (), whole=True)
            connection.execute(update(passes).where(self._at(passes, target)).values(trace=""))

    def adopted(self, target: str) -> Mapping[str, str]:
        table = tables.adoptions
        with reading(self.registry.engine) as connection:
            query = select(table.c.object, table.c.version).where(self._at(table, target))
            return {row.object: row.version for row in connection.execute(query)}

    def adopt(self, target: str, versions: Mapping[str, str]) -> None:
        """Count these objects as ours, as long as they are at these versions."""
        with writing(self.registry.engine) as connection:
            self._forget(connection, tables.adoptions, target, versions)
            self._insert(connection, tables.adoptions, target, versions.items())

    def replace(self, target: str, observed: Observed) -> None:
        known = self.observed(target, observed.stamps.keys())
        changed = {name for name, stamp in observed.stamps.items() if known.stamps.get(name) != stamp}
        changed |= {place.object for place, view in observed.views.items() if known.views.get(place) != view}
        gone = {name for name in self.objects(target) - observed.stamps.keys() if observed.unread_at(name) is None}
        with self._leased(target) as connection:
            self._put(connection, target, observed, frozenset(changed | gone))

    def intend(self, target: str, objects: Collection[str], standing: Standing) -> None:
        with self._leased(target) as connection:
            self._stands(connection, target, standing)
            self._forget(connection, tables.intents, target, objects)
            self._insert(connection, tables.intents, target, ((name,) for name in objects))

    def settle(self, target: str, observed: Observed, objects: frozenset[str]) -> None:
        with writing(self.registry.engine) as connection:
            self._put(connection, target, observed, objects)
            self._forget(connection, tables.intents, target, objects)
            written = {name for name in objects if self._written(observed.stamps.get(name))}
            self._forget(connection, tables.adoptions, target, written)
            self._confirm(connection)

    def conclude(
        self,
        target: str,
        revision: int,
        outcomes: Sequence[Outcome],
        digests: Mapping[Reference, str],
        now: str,
        *,
        whole: bool,
    ) -> None:
        done = all(outcome.error is None for outcome in outcomes)
        left = self.trace(target)
        with writing(self.registry.engine) as connection:
            status.keep(connection, self.workspace, target, outcomes, now, whole=whole)
            self._look_again(connection, target, outcomes)
            if done:
                rows = {str(reference): digest for reference, digest in digests.items()}
                self._forget(connection, tables.digests, target, rows, whole=whole)
                self._insert(connection, tables.digests, target, rows.items())
            else:
                self._doubt(connection, target, digests)
            reached = revision if done else None
            status.passed(connection, self.workspace, target, reached, now, trace=left)
            self._confirm(connection)

    def digests(self, target: str) -> Mapping[Reference, str]:
        """Of each reference that the last passes read."""
        table = tables.digests
        with reading(self.registry.engine) as connection:
            query = select(table.c.reference, table.c.digest).where(self._at(table, target))
            return {Reference.parse(row.reference): row.digest for row in connection.execute(query)}

    def trace(self, target: str) -> str:
        """What the last pass over this target left beside the registry."""
        return trace(self.registry, self._trace(target))

    @contextmanager
    def _leased(self, target: str) -> Iterator[Connection]:
        if self.lease is None:
            raise RuntimeError("a record without a lease can't be written")
        self.lease.begin(self._trace(target))
        with writing(self.registry.engine) as connection:
            yield connection
            # Again before the commit: the database may have let us wait.
            self.lease.check(connection)

    def _confirm(self, connection: Connection) -> None:
        """Last of all, as what it locks keeps others waiting. Who lost the lease has nothing to say: another wrote."""
        if self.lease is not None:
            self.lease.confirm(connection)

    def _trace(self, target: str) -> str:
        return f"{self.workspace}/{target}"

    def _look_again(self, connection: Connection, target: str, outcomes: Sequence[Outcome]) -> None:
        """Objects that something is wrong with are unsettled: the next pass asks the target and not this record."""
        wrong = {
            outcome.place.object
            for outcome in outcomes
            if outcome.error is not None and outcome.error.reason not in _NOT_THE_TARGETS
        }
        self._forget(connection, tables.intents, target, wrong)
        self._insert(connection, tables.intents, target, ((name,) for name in sorted(wrong)))

    def _doubt(self, connection: Connection, target: str, digests: Mapping[Reference, str]) -> None:
        """Some of what these references gave is written, and some isn't: whatever they give next is news."""
        table = tables.digests
        query = update(table).where(
            self._at(table, target), table.c.reference == bindparam("_name"), table.c.digest != bindparam("_digest")
        )
        if digests:
            rows = [{"_name": str(reference), "_digest": digest} for reference, digest in digests.items()]
            connection.execute(query.values(digest=""), rows)

    def _written(self, stamp: Stamp | None) -> bool:
        """Is it gone, or was it written by us? One that was only cleared up is as it was taken over, at revision 0."""
        if stamp is None:
            return True
        return stamp.mark is not None and stamp.mark.instance == self.registry.instance and stamp.mark.revision > 0

    def _stands(self, connection: Connection, target: str, standing: Standing) -> None:
        connection.execute(delete(tables.standings).where(self._at(tables.standings, target)))
        self._insert(connection, tables.standings, target, [standing])

    def _put(self, connection: Connection, target: str, observed: Observed, objects: frozenset[str]) -> None:
        self._forget(connection, tables.documents, target, objects)
        self._forget(connection, tables.objects, target, objects)
        marks, texts = _Marks(), _Texts()
        stamps = (
            (name, marks(stamp.mark), stamp.version) for name, stamp in observed.stamps.items() if name in objects
        )
        self._insert(connection, tables.objects, target, stamps)
        views = ((*place, texts(view)) for place, view in observed.views.items() if place.object in objects)
        self._insert(connection, tables.documents, target, views)

    def _insert(self, connection: Connection, table: Table, target: str, rows: Iterable[tuple[Any, ...]]) -> None:
        fill(connection, table, [(self.workspace, target, *row) for row in rows])

    def _forget(
        self, connection: Connection, table: Table, target: str, names: Collection[str], *, whole: bool = False
    ) -> None:
        if whole:
            connection.execute(delete(table).where(self._at(table, target)))
            return
        column, ordered = list(table.primary_key.columns)[2], sorted(names)
        for start in range(0, len(ordered), _CHUNK):
            some = column.in_(ordered[start : start + _CHUNK])
            connection.execute(delete(table).where(self._at(table, target), some))

    def _rows(self, connection: Connection, table: Table, target: str, objects: Collection[str]) -> Iterator[Any]:
        query = select(table).where(self._at(table, target))
        if len(objects) > _CHUNK:
            wanted = frozenset(objects)
            yield from (row for row in connection.execute(query) if row.object in wanted)
        elif objects:
            yield from connection.execute(query.where(table.c.object.in_(objects)))

    def _column(self, table: Table, target: str, column: str) -> list[str]:
        with reading(self.registry.engine) as connection:
            return list(connection.execute(select(table.c[column]).where(self._at(table, target))).scalars())

    def _at(self, table: Table, target: str) -> ColumnElement[bool]:
        return and_(table.c.workspace == self.workspace, table.c.target == target)


def targets(registry: Registry, workspace: str) -> tuple[str, ...]:
    """The targets that hold something of a workspace, as far as is known."""
    with reading(registry.engine) as connection:
        return holding(connection, registry, workspace)


def holding(connection: Connection, registry: Registry, workspace: str) -> tuple[str, ...]:
    """The same, within a transaction."""
    objects, intents = tables.objects.c, tables.intents.c
    marked = select(objects.target, objects.mark).where(objects.workspace == workspace, objects.mark.is_not(None))
    found = {
        row.target
        for row in connection.execute(marked.distinct())
        if (mark := read_mark(json.loads(row.mark))) is not None and mark.instance == registry.instance
    }
    unsure = select(intents.target).where(intents.workspace == workspace).distinct()
    return tuple(sorted(found.union(connection.execute(unsure).scalars())))


def forget(registry: Registry, workspace: str, target: str) -> None:
    """Forget a target that is gone for good, with what lay in it."""
    with writing(registry.engine) as connection:
        for table in tables.metadata.sorted_tables:
            if "target" in table.c:
                connection.execute(delete(table).where(table.c.workspace == workspace, table.c.target == target))


class _Views:
    """Views from their text; alike ones are parsed once."""

    def __init__(self) -> None:
        self._seen: dict[str, View] = {}

    def __call__(self, text: str) -> View:
        view = self._seen.get(text)
        if view is None:
            view = self._seen[text] = {tuple(leaf[:-1]): leaf[-1] for leaf in json.loads(text)}
        return view


class _Revisions:
    """The revision in a mark of ours, from its text; alike ones are parsed once."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._seen: dict[str | None, int | None] = {None: None}

    def __call__(self, text: str | None) -> int | None:
        if text not in self._seen:
            mark = read_mark(json.loads(text or "null"))
            self._seen[text] = mark.revision if mark is not None and mark.instance == self._instance else None
        return self._seen[text]


class _Texts:
    """Views as text; one that many places share is written out once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[View, str]] = {}

    def __call__(self, view: View) -> str:
        found = self._seen.get(id(view))
        if found is None:
            leaves = [[*path, leaf] for path, leaf in view.items()]
            found = self._seen[id(view)] = (view, json.dumps(leaves, ensure_ascii=False))
        return found[1]


class _Marks:
    """Marks as text; one pass writes one mark."""

    def __init__(self) -> None:
        self._seen: dict[Mark, str] = {}

    def __call__(self, mark: Mark | None) -> str | None:
        if mark is None:
            return None
        if mark not in self._seen:
            self._seen[mark] = json.dumps(mark._asdict())
        return self._seen[mark]
