"""Retention: deleting what is older than a time, and counting what that would be."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, FromClause, and_, delete, func, or_, select, text

from lentigo.serving.store.records import Forgotten
from lentigo.serving.store.session import StoreSession
from lentigo.serving.store.tables import lesions, predictions

MAX_CLOCK_DIFFERENCE = timedelta(hours=1)  # what is dated later than that after now has a wrong date


class Retention(StoreSession):
    """What is deleted by age. Every method may raise `StoreError`."""

    def count_old(self, before: datetime) -> tuple[int, int]:
        """Counts what `forget` would delete.

        Args:
            before: the time before which predictions are deleted.

        Returns:
            How many predictions, and of how many of them a photograph is kept.
        """
        counts = select(func.count(), func.count().filter(predictions.c.kept))
        with self._reading() as connection:
            row = connection.execute(counts.where(is_old(predictions, before, self.now()))).one()
        return row[0], row[1]

    def count_future(self) -> int:
        """Counts the predictions that are dated after now: the clock was wrong when they were made, or it is
        now.

        Returns:
            How many there are.
        """
        is_future = predictions.c.created > self.now() + MAX_CLOCK_DIFFERENCE
        with self._reading() as connection:
            return connection.scalars(select(func.count()).select_from(predictions).where(is_future)).one()

    def forget(self, before: datetime) -> Forgotten:
        """Deletes predictions made before a time, their reviews, and lesions from before it that no
        prediction is left of; not the audit trail.

        In SQLite what was deleted is overwritten, in the file and in its log. What is dated after now goes as
        soon as something goes that was recorded later.

        Args:
            before: the time, an aware datetime.

        Returns:
            How many, and the hashes of kept photographs that no record names any more: the caller removes
                them.
        """
        now = self.now()
        is_old_prediction = is_old(predictions, before, now)
        younger = predictions.alias()
        is_needed = (
            select(younger.c.number)
            .where(younger.c.sha256 == predictions.c.sha256, younger.c.kept, ~is_old(younger, before, now))
            .exists()
        )
        is_used = select(predictions.c.number).where(predictions.c.lesion == lesions.c.id).exists()
        unneeded = (
            select(predictions.c.sha256)
            .distinct()
            .where(is_old_prediction, predictions.c.kept, ~is_needed)
            .order_by(predictions.c.sha256)
        )
        with self._writing() as connection:
            if not self.database.is_file:
                # Nobody may add what is judged here.
                connection.execute(text("LOCK TABLE predictions, lesions IN SHARE ROW EXCLUSIVE MODE"))
            hashes = connection.scalars(unneeded).all()
            old_predictions = connection.execute(delete(predictions).where(is_old_prediction))
            old_lesions = connection.execute(delete(lesions).where(is_old(lesions, before, now), ~is_used))
        if self.database.is_file:
            with self.database.name_failure():
                self.database.run_pragma("wal_checkpoint(TRUNCATE)")
        return Forgotten(old_predictions.rowcount, old_lesions.rowcount, tuple(hashes))

    def list_images(self) -> set[str]:
        """Lists the photographs that records say are kept.

        Returns:
            Their hashes, SHA-256.
        """
        with self._reading() as connection:
            return set(connection.scalars(select(predictions.c.sha256).where(predictions.c.kept)))


def is_old(table: FromClause, before: datetime, now: datetime) -> ColumnElement[bool]:
    """Which rows of a table were written before a time, by what they say of it; of those that say a time
    after now, which no right clock wrote, the ones that something old was written after.
    """
    later = table.alias()
    is_followed = (
        select(later.c.number).where(later.c.number > table.c.number, later.c.created < before).exists()
    )
    return or_(table.c.created < before, and_(table.c.created > now, is_followed))
