"""The tables, as the latest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

MIGRATIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every migration of `migrations/versions`, oldest first."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""`instance`: which registry this is. `canary` and `seal`: encrypted, for a wrong key and for digests."""

workspaces = Table(
    "workspaces",
    metadata,
    Column("name", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("asked", Boolean, nullable=False),
    ForeignKeyConstraint(["workspace"], ["workspaces.name"]),
)
"""`asked`: a person confirmed it, so that the deletes it brings need no second yes."""

parts = Table(
    "parts",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("noun", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("superseded", Integer),
    Column("body", Text, nullable=False),
    Column("sealed", Text),
    ForeignKeyConstraint(["workspace"], ["workspaces.name"]),
    UniqueConstraint("workspace", "noun", "kind", "id", "owner", "name", "revision"),
    Index("parts_current", "workspace", "superseded"),
    Index("parts_revision", "workspace", "revision"),
)
"""A workspace in parts, each as it was from `revision` until `superseded` (null: as it is)."""

standings = Table(
    "standings",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("where", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)
"""Where a target stood when it was last written to, and the latest revision written there."""

objects = Table(
    "objects",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("mark", Text),
    Column("version", Text, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("view", Text, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("object", Text, primary_key=True),
)

adoptions = Table(
    "adoptions",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("object", Text, primary_key=True),
    Column("version", Text, nullable=False),
)

digests = Table(
    "digests",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("digest", Text, nullable=False),
)
"""Of each reference, keyed, as the last whole pass read it; empty where a pass since then read something else."""

statuses = Table(
    "statuses",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("deployment", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("last_success", Text),
    Column("failures", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("at", Text, nullable=False),
    Column("behind_since", Text),
    Column("trace", Text, nullable=False),
)
"""The revision that a target is wholly at, when the last pass was, and the trace that it left beside the registry."""

begun = Table(
    "begun",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("trace", Text, nullable=False),
)
"""The pass that last began to write to a target: another one than `passes` knows was cut short. Beside a file the lock
file says it."""

failures = Table(
    "failures",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("times", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
)
"""Why no pass over a target as a whole could be made, until one can."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("expires", DateTime(timezone=True), nullable=False),
)
"""Who may write to targets, until when by the database's clock, and how often that changed. Beside a file a lock file
says it."""

reveals = Table(
    "reveals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("workspace", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("names", Text, nullable=False),
)
"""Whose secrets went to somebody's machine, when, to whom and by which command; `names` are those of items, as JSON."""
