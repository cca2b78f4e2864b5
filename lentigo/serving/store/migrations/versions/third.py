"""A hash of the whole request beside each prediction, so that another request of the same name is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From revision 0002; what was asked before has no hash: a request of its name is another one."""
    op.add_column("predictions", sa.Column("fingerprint", sa.String(64), nullable=False, server_default=""))
