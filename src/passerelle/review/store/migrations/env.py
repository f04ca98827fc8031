"""Alembic runs this; `passerelle.review.store.database` hands it an open connection."""

from __future__ import annotations

from alembic import context

from passerelle.review.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
