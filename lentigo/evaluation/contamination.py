"""Contamination: which photographs of an evaluation a RUN has learned from, and of how many that is not
known.

They are recognised by their files, by perceptual hashes of what they show, and, where the photographs of the
training still are where they were, by a full search for duplicates, which also finds crops and other
photographs of a lesion.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lentigo.common.json_values import list_fields
from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.evaluation.training_duplicates import (
    TrainingDuplicate,
    list_training_images,
    search_training_duplicates,
)
from lentigo.models.bundle import Bundle
from lentigo.models.training_record_files import read_training_record


@dataclass(frozen=True)
class ContaminatedImage:
    """A photograph of an evaluation that took part in the training.

    Attributes:
        image: Its path.
        split: "train" or "validation", its split in the training.
        how: "file" for the very file, "picture" where another file shows the same image.
        likeness: Of the images, 0 to 1.
    """

    image: str
    split: str
    how: str
    likeness: float

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self) | {"likeness": round(self.likeness, 3)}


@dataclass(frozen=True)
class Contamination:
    """What a RUN knows of a set.

    Attributes:
        model: The name of the RUN.
        n: Photographs of the set.
        learned_from: Photographs that the RUN, and every RUN that it started from, was trained or validated
            on.
        not_known: How many of them cannot be recognised in another file, since no hash of them was kept.
        images: The photographs of the set that are among them.
        by_content: Whether images were compared, and not files alone.
        searched: How many photographs of the training were compared in full: those whose files are where the
            RUN says.
        duplicates: What that search found; None where it was not made.
    """

    model: str
    n: int
    learned_from: int
    not_known: int
    images: tuple[ContaminatedImage, ...]
    by_content: bool
    searched: int = 0
    duplicates: tuple[TrainingDuplicate, ...] | None = None

    def count(self, how: str) -> int:
        """Counts the photographs of the set that were recognised in one way.

        Args:
            how: "file" or "picture".

        Returns:
            How many.
        """
        return sum(image.how == how for image in self.images)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a report says first: how many duplicates of training photographs there are, then the notes."""
        if not self.duplicates:
            return self.notes
        images = {duplicate.image for duplicate in self.duplicates}  # one may have several
        return (
            f"{len(images)} of these photographs show what a photograph of the training shows, in another "
            "file, cut, turned or from another side: the numbers here are too good. They are listed at "
            "the end",
            *self.notes,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found and what is not known, in sentences; none where all is known and nothing was
        found.
        """
        notes = []
        if self.images:
            ways = f"{self.count('file')} by their files, {self.count('picture')} by what they show"
            notes.append(
                f"{self.model} has learned from {len(self.images)} of these {self.n} photographs ({ways}): "
                "its numbers here are too good"
            )
        doubt = self._describe_doubt()
        if doubt:
            notes.append(doubt)
        # Crops are found by pixels alone, so the files of the training must still be there
        if self.by_content and self.searched < self.learned_from:
            notes.append(
                "crops of training photographs, and other photographs of their lesions, were looked for "
                f"with {self.searched:,} of the {self.learned_from:,}: the files of the others are not where "
                "they were"
            )
        return tuple(notes)

    def _describe_doubt(self) -> str:
        """What is not known of the photographs that were learned from; "" where all is known."""
        # From the greatest doubt to the smallest: only the first that holds is said
        if not self.learned_from:
            return (
                f"not known: what {self.model} has learned from is not listed in it, so photographs of its "
                "training may be among these"
            )
        if not self.by_content:
            return (
                f"not known: photographs of the training of {self.model} were looked for by their files "
                "alone, not by what they show"
            )
        if self.not_known:
            return (
                f"not known for {self.not_known:,} of the {self.learned_from:,} photographs that "
                f"{self.model} has learned from, since no hash of them was kept: duplicates of them in other "
                "files are not recognised, and may be among these"
            )
        return ""

    def to_json(self) -> dict[str, Any]:
        """Counts, and the photographs that were found; null for what was not searched."""
        duplicates = None
        if self.duplicates is not None:
            duplicates = list_fields(self.duplicates)
        return {
            "model": self.model,
            "learned_from": self.learned_from,
            # Hashes were not compared, so every photograph that was learned from may be here in another file
            "not_known": self.not_known if self.by_content else self.learned_from,
            "by_file": self.count("file"),
            "by_picture": self.count("picture") if self.by_content else None,
            "searched_in_full": self.searched,
            "images": list_fields(self.images),
            "notes": list(self.notes),
            "duplicates": duplicates,
        }


def find_contamination(
    bundle: Bundle,
    dataset: Dataset,
    *,
    part: str = "classifier",
    by_content: bool = True,
    searched: int = 0,
    duplicates: tuple[TrainingDuplicate, ...] | None = None,
    progress: Progress = show_nothing,
) -> Contamination:
    """Finds photographs that a RUN, or one that it started from, was trained or validated on.

    Args:
        bundle: The RUN.
        dataset: The photographs of an evaluation.
        part: Of the RUN, "classifier" or "decoder".
        by_content: Whether images are compared, too, so that other files are recognised.
        searched: How many photographs of the training were compared in full before.
        duplicates: What that search found.
        progress: Shows how many photographs have been compared.

    Returns:
        What was found, and for how many that cannot be known.
    """
    images = dataset.table["image"].tolist()
    record = read_training_record(bundle).of_part(part)
    recognised = record.recognise(
        images, dataset.digests, part=part, by_content=by_content, progress=progress
    )
    found = []
    for image, match in zip(images, recognised, strict=True):
        if match is not None:
            found.append(ContaminatedImage(str(image), match.split, match.how, match.likeness))
    return Contamination(
        model=bundle.name,
        n=len(dataset),
        learned_from=record.total,
        not_known=record.not_known,
        images=tuple(found),
        by_content=by_content,
        searched=searched,
        duplicates=duplicates,
    )


def search_contamination(
    bundle: Bundle, dataset: Dataset, progress: Progress = show_nothing
) -> tuple[Dataset, Contamination]:
    """Finds contamination as `find_contamination` does, and by a full search for duplicates, too.

    Args:
        bundle: The RUN.
        dataset: The photographs of an evaluation.
        progress: Shows how far the search has come.

    Returns:
        The data set with its own duplicates in one group, and the contamination.
    """
    grouped, duplicates = search_training_duplicates(bundle, dataset, progress)
    contamination = find_contamination(
        bundle,
        grouped,
        searched=len(list_training_images(bundle)),
        duplicates=duplicates,
        progress=progress,
    )
    return grouped, contamination
