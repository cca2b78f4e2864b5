"""Reviews, and the audit trail, which the database itself keeps from being changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = {
    "sqlite": [
        "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only "
        "ever added to'); END",
        "CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only "
        "ever added to'); END",
        # REPLACE deletes without asking the trigger above
        "CREATE TRIGGER events_no_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE "
        "number = NEW.number) "
        "BEGIN SELECT RAISE(ABORT, 'events are only ever added to'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are only ever added to'; END $$",
        "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION "
        "refuse_change_of_events()",
        "CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION "
        "refuse_change_of_events()",
    ],
}


def upgrade() -> None:
    """From revision 0001; its rows stay as they are."""
    op.create_table(
        "reviews",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("prediction", sa.String(36), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("note", sa.String(10_000), nullable=False),
        sa.PrimaryKeyConstraint("number", name="reviews_key"),
        sa.ForeignKeyConstraint(
            ["prediction"], ["predictions.id"], name="reviews_prediction_exists", ondelete="CASCADE"
        ),
    )
    op.create_index("reviews_by_prediction_number", "reviews", ["prediction", "number"])
    op.create_table(
        "events",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(10_000), nullable=False),
        sa.PrimaryKeyConstraint("number", name="events_key"),
    )
    for statement in APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)
