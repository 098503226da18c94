"""Alembic's entry: always online, on the connection that `database` gives."""

from __future__ import annotations

from alembic import context

from syncd.registry.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
