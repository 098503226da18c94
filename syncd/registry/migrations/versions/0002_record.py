"""The record of what lies in each target."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make it."""
    _table("objects", ("object",), sa.Column("mark", sa.Text), _text("version"))
    _table("documents", ("object", "key"), _text("view"))
    _table("intents", ("object",))
    _table("adoptions", ("object",), _text("version"))
    _table("digests", ("reference",), _text("digest"))
    _table(
        "statuses",
        ("deployment", "kind", "id"),
        _text("reason"),
        _text("since"),
        sa.Column("last_success", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        _text("message"),
        _text("remedy"),
    )
    _table(
        "passes",
        (),
        sa.Column("revision", sa.Integer, nullable=False),
        _text("at"),
        sa.Column("behind_since", sa.Text),
        _text("trace"),
    )
    _table(
        "failures",
        (),
        _text("reason"),
        _text("since"),
        sa.Column("times", sa.Integer, nullable=False),
        _text("message"),
        _text("remedy"),
    )


def _table(name: str, key: tuple[str, ...], *columns: sa.Column[str] | sa.Column[int]) -> None:
    keys = (sa.Column(part, sa.Text, primary_key=True) for part in ("workspace", "target", *key))
    op.create_table(name, *keys, *columns)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
