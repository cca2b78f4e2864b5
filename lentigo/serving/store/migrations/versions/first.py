"""Predictions, lesions and keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """From an empty database."""
    # Lesions first: predictions refer to them
    create_lesions()
    create_predictions()
    create_keys()


def create_lesions() -> None:
    """The table of lesions that are followed over time."""
    op.create_table(
        "lesions",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("number", name="lesions_key"),
        sa.UniqueConstraint("id", name="lesions_id_unique"),
        sa.UniqueConstraint("name", name="lesions_name_unique"),
    )
    op.create_index("lesions_by_created_number", "lesions", ["created", "number"])


def create_predictions() -> None:
    """The table of predictions, and what it is searched by."""
    op.create_table(
        "predictions",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("request", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("card", sa.String(200), nullable=False),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("measures", sa.JSON),
        sa.Column("heatmap", sa.JSON),
        sa.Column("outline", sa.JSON),
        sa.Column("lesion", sa.String(36)),
        sa.Column("taken", MOMENT),
        sa.Column("kept", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("number", name="predictions_key"),
        sa.UniqueConstraint("id", name="predictions_id_unique"),
        sa.UniqueConstraint("who", "request", "position", name="predictions_who_request_position_unique"),
        sa.ForeignKeyConstraint(["lesion"], ["lesions.id"], name="predictions_lesion_exists"),
    )
    op.create_index("predictions_by_created_number", "predictions", ["created", "number"])
    op.create_index("predictions_by_lesion_created_number", "predictions", ["lesion", "created", "number"])
    op.create_index("predictions_by_sha256", "predictions", ["sha256"])


def create_keys() -> None:
    """The table of keys, of which the hash alone is kept."""
    op.create_table(
        "keys",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("revoked", MOMENT),
        sa.Column("used", MOMENT),
        sa.PrimaryKeyConstraint("number", name="keys_key"),
        sa.UniqueConstraint("id", name="keys_id_unique"),
        sa.UniqueConstraint("name", name="keys_name_unique"),
        sa.UniqueConstraint("hash", name="keys_hash_unique"),
    )
