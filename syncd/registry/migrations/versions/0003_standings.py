"""Where each target stood when it was last written to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table; what was written before counts as written wherever the next pass finds it."""
    op.create_table(
        "standings",
        sa.Column("workspace", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("where", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
