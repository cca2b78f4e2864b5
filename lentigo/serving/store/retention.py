"""Retention: deleting one prediction, or what is older than a time, and counting what that would be."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, FromClause, Select, and_, delete, func, insert, or_, select, text

from lentigo.serving.store.kept_images import ImageFolder
from lentigo.serving.store.records import Forgotten
from lentigo.serving.store.rows import find_record
from lentigo.serving.store.session import StoreSession
from lentigo.serving.store.tables import events, lesions, predictions

MAX_WAIT_SECONDS = 60.0  # of a deletion, for those who keep photographs at this moment
MAX_CLOCK_DIFFERENCE = timedelta(hours=1)  # what is dated later than that after now has a wrong date


class Retention(StoreSession):
    """What is deleted, singly and by age. Every method may raise `StoreError`."""

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
        # A lesion that any prediction still names stays, however old it is
        is_used = select(predictions.c.number).where(predictions.c.lesion == lesions.c.id).exists()
        with self._writing() as connection:
            if not self.database.is_file:
                # Nobody may add what is judged here.
                connection.execute(text("LOCK TABLE predictions, lesions IN SHARE ROW EXCLUSIVE MODE"))
            # Before the rows go that name them
            hashes = connection.scalars(select_unneeded(before, now)).all()
            old_predictions = connection.execute(delete(predictions).where(is_old(predictions, before, now)))
            old_lesions = connection.execute(delete(lesions).where(is_old(lesions, before, now), ~is_used))
        self._overwrite_log()
        return Forgotten(old_predictions.rowcount, old_lesions.rowcount, tuple(hashes))

    def delete(self, id: str, who: str) -> str | None:
        """Deletes one prediction and its reviews, and writes that into the audit trail: both or none.

        Args:
            id: the id of the prediction.
            who: the name of the key that asked.

        Returns:
            The hash of its kept photograph where no other record names it: the caller removes the file. None
            where there is nothing to remove.
        """
        with self._writing() as connection:
            record = find_record(connection, id)
            if record is None:
                return None
            connection.execute(delete(predictions).where(predictions.c.id == id))
            connection.execute(insert(events), self._make_event(who, "delete", id))
            # The same photograph may have been sent twice: it goes with the last record that names it
            is_same = (predictions.c.sha256 == record.sha256) & predictions.c.kept
            others = connection.scalars(select(func.count()).select_from(predictions).where(is_same)).one()
        self._overwrite_log()
        return record.sha256 if record.kept and not others else None

    def _overwrite_log(self) -> None:
        """Takes what was deleted out of the log of SQLite, too."""
        if self.database.is_file:
            with self.database.name_failure():
                self.database.run_pragma("wal_checkpoint(TRUNCATE)")

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
    # A wrong clock: what came after such a row, by its number, tells how old it is at least
    is_followed = (
        select(later.c.number).where(later.c.number > table.c.number, later.c.created < before).exists()
    )
    return or_(table.c.created < before, and_(table.c.created > now, is_followed))


def select_unneeded(before: datetime, now: datetime) -> Select:
    """The hashes of the photographs that are kept for old predictions alone."""
    younger = predictions.alias()
    is_needed = (
        select(younger.c.number)
        .where(younger.c.sha256 == predictions.c.sha256, younger.c.kept, ~is_old(younger, before, now))
        .exists()
    )
    return (
        select(predictions.c.sha256)
        .distinct()
        .where(is_old(predictions, before, now), predictions.c.kept, ~is_needed)
        .order_by(predictions.c.sha256)
    )


def delete_record(store: Retention, folder: ImageFolder | None, id: str, who: str) -> None:
    """Deletes a prediction, its reviews, and its photograph where no other record has the same one.

    Args:
        store: where the record is.
        folder: where photographs are kept; None where none are.
        id: the id of the record; nothing happens where it is gone already.
        who: the name of the key that asked, for the audit trail.

    Raises:
        SpaceError: the photograph could not be removed, or others were keeping photographs for too long.
        StoreError: the store does not answer.
    """
    with nullcontext() if folder is None else folder.lock_alone(MAX_WAIT_SECONDS):
        sha256 = store.delete(id, who)
        if folder is not None and sha256 is not None:
            folder.remove(sha256)
