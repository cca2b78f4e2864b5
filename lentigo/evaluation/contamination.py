"""Contamination: which photographs of an evaluation a RUN has learned from, whatever their files, and of how
many that cannot be known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lentigo.common.progress import Progress, show_nothing
from lentigo.datasets.dataset import Dataset
from lentigo.models.bundle import Bundle
from lentigo.models.training_record import read_training_record


@dataclass(frozen=True)
class KnownImage:
    """A photograph of an evaluation that took part in the training.

    Attributes:
        image: its path.
        split: "train" or "validation", where it stood in the training.
        how: "file" for the very file, "picture" where it shows the same picture in another one.
        likeness: of the pictures, 0 to 1.
    """

    image: str
    split: str
    how: str
    likeness: float

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return {
            "image": self.image,
            "split": self.split,
            "how": self.how,
            "likeness": round(self.likeness, 3),
        }


@dataclass(frozen=True)
class Contamination:
    """What of a set a RUN knows.

    Attributes:
        model: the name of the RUN.
        n: photographs of the set.
        learned_from: photographs that the RUN, and every RUN that it started from, was trained or validated
            on.
        not_known: how many of them cannot be recognised in another file, since what they show was not kept.
        images: the photographs of the set that are among them.
        looked: whether pictures were compared, and not files alone.
        searched: how many photographs of the training were compared in full, which also finds crops and other
            views of a lesion: those whose files lie where the RUN says.
    """

    model: str
    n: int
    learned_from: int
    not_known: int
    images: tuple[KnownImage, ...]
    looked: bool
    searched: int = 0

    def count(self, how: str) -> int:
        """How many photographs of the set are known in one way, "file" or "picture"."""
        return sum(known.how == how for known in self.images)

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
        if not self.learned_from:
            notes.append(
                f"not known: what {self.model} has learned from is not listed in it, so photographs of its "
                "training may be among these"
            )
        elif not self.looked:
            notes.append(
                f"not known: photographs of the training of {self.model} were looked for by their files "
                "alone, not by what they show"
            )
        elif self.not_known:
            notes.append(
                f"not known for {self.not_known:,} of the {self.learned_from:,} photographs that "
                f"{self.model} has learned from: "
                f"copies of them in other files are not recognised, and may be among these"
            )
        if self.looked and self.searched < self.learned_from:
            notes.append(
                "crops of training photographs, and other photographs of their lesions, were looked for "
                f"with {self.searched:,} of the "
                f"{self.learned_from:,}: the files of the others are not where they were"
            )
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        """Counts, and the photographs that were found; `by_picture` is null where nobody looked."""
        return {
            "model": self.model,
            "learned_from": self.learned_from,
            "not_known": self.not_known if self.looked else self.learned_from,
            "by_file": self.count("file"),
            "by_picture": self.count("picture") if self.looked else None,
            "searched_in_full": self.searched,
            "images": [known.to_json() for known in self.images],
            "notes": list(self.notes),
        }


def find_contamination(
    bundle: Bundle,
    dataset: Dataset,
    *,
    part: str = "classifier",
    by_content: bool = True,
    searched: int = 0,
    progress: Progress = show_nothing,
) -> Contamination:
    """Looks for photographs that a RUN, or one that it started from, was trained or validated on.

    Args:
        bundle: the RUN.
        dataset: the photographs of an evaluation.
        part: of the RUN, "classifier" or "decoder".
        pictures: whether what they show is compared, too, so that other files are recognised.
        searched: how many photographs of the training were compared in full before.
        progress: watches the photographs go by.

    Returns:
        What was found, and for how many that cannot be known.
    """
    images = dataset.table["image"].tolist()
    learned = read_training_record(bundle).of_part(part)
    known = learned.recognise(images, dataset.digests, part=part, by_content=by_content, progress=progress)
    found = tuple(
        KnownImage(str(image), each.split, each.how, each.likeness)
        for image, each in zip(images, known, strict=True)
        if each is not None
    )
    return Contamination(
        bundle.name, len(dataset), learned.total, learned.not_known, found, by_content, searched
    )
