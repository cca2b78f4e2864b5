"""What Alembic runs to move a store forward, within the transaction that `move_forward` gives it."""

from __future__ import annotations

from alembic import context

from lentigo.serving.store.migrations import VERSION_TABLE
from lentigo.serving.store.tables import metadata


def run() -> None:
    """Runs the revisions that the caller asked for."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name that Alembic gives it
    run()
