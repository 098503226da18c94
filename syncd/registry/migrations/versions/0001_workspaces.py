"""Workspaces, their revisions and their parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table("meta", sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
    op.create_table(
        "workspaces", sa.Column("name", sa.Text, primary_key=True), sa.Column("revision", sa.Integer, nullable=False)
    )
    op.create_table(
        "revisions",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.name"]),
    )
    op.create_table(
        "parts",
        sa.Column("row", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("workspace", "noun", "kind", "id", "owner", "name")),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("superseded", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.name"]),
        sa.UniqueConstraint("workspace", "noun", "kind", "id", "owner", "name", "revision"),
    )
    op.create_index("parts_current", "parts", ["workspace", "superseded"])
    op.create_index("parts_revision", "parts", ["workspace", "revision"])
