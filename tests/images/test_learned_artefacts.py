"""Learned artefacts: the head adds to what image processing finds, and its file is checked."""

import numpy as np
import pytest

from lentigo.errors import ModelError
from lentigo.images.artefacts.artefact_detection import KINDS, Artefacts
from lentigo.images.artefacts.learned_artefacts import (
    BY_EITHER,
    BY_HEAD,
    BY_SHAPE,
    MEASURED,
    ArtefactHead,
    describe_measured,
    list_detectors,
    load_head,
)

SIZE = 6
NOTHING = Artefacts(hair=0.0, ruler=0.0, ink=0.0, dark_corners=0.0, white_frame=0.0, colour_cast=None)
RULER = Artefacts(hair=0.0, ruler=5.0, ink=0.0, dark_corners=0.0, white_frame=0.0, colour_cast=None)


@pytest.fixture
def head():
    """Flags a ruler by the first number of an embedding, a patch by the second."""
    weights = np.zeros((SIZE + 2 * len(MEASURED), 2))
    weights[0, 0] = weights[1, 1] = 1
    return ArtefactHead(("ruler", "patches"), weights, np.zeros(2), np.array([1.0, 2.0]))


def flag(head, *numbers, found=NOTHING):
    flags = head.flag(np.array([*numbers, *np.zeros(SIZE - len(numbers))]), found)
    return {kind for kind, is_found in flags.items() if is_found}


def test_a_kind_is_flagged_from_its_limit(head):
    assert flag(head, 0.9, 1.9) == set()
    assert flag(head, 1.0, 1.9) == {"ruler"}
    assert flag(head, 0.9, 2.0) == {"patches"}


def test_a_flag_of_image_processing_stays(head):
    assert flag(head, -9.0, found=RULER) == {"ruler"}


def test_the_head_reads_what_image_processing_measures(head):
    without, with_ruler = describe_measured(NOTHING), describe_measured(RULER)
    assert np.isfinite(without).all()
    assert np.flatnonzero(without != with_ruler).tolist() == [1, len(MEASURED) + 1]


def test_a_head_is_read_as_it_was_written(head, tmp_path):
    head.save(tmp_path / "head.npz")
    again = load_head(tmp_path / "head.npz")
    assert again.kinds == head.kinds and again.embedding_size == SIZE
    assert np.array_equal(again.weights, head.weights) and np.array_equal(again.limits, head.limits)


@pytest.mark.parametrize("fault", ["no archive", "of other kinds", "of no number"])
def test_a_damaged_file_is_named(head, tmp_path, fault):
    path = tmp_path / "head.npz"
    if fault == "no archive":
        path.write_bytes(b"no archive")
    elif fault == "of other kinds":
        ArtefactHead(("ruler",), head.weights, head.bias, head.limits).save(path)
    else:
        ArtefactHead(head.kinds, np.full_like(head.weights, np.nan), head.bias, head.limits).save(path)
    with pytest.raises(ModelError, match=r"head\.npz: is damaged .*copy the RUN again"):
        load_head(path)


def test_every_kind_says_what_finds_it(head):
    detectors = list_detectors(head)
    assert list(detectors) == [*KINDS, "patches"]
    assert detectors["hair"] == BY_SHAPE
    assert detectors["ruler"] == BY_EITHER
    assert detectors["patches"] == BY_HEAD
    assert set(list_detectors(None).values()) == {BY_SHAPE}
