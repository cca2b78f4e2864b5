"""The hash of a prediction's model is called what it is: `card` becomes `model_sha256`."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """From revision 0003; only the name of the column changes."""
    op.alter_column("predictions", "card", new_column_name="model_sha256")
