"""Artefacts: those drawn are found, pictures without any are left alone."""

import numpy as np
import pytest

from lentigo.data.sightings import KINDS, Artefacts, find_artefacts
from lentigo.errors import UsageError


def test_each_kind_has_a_value_and_a_flag():
    found = find_artefacts(np.full((224, 224, 3), (214, 166, 142), np.uint8))
    assert tuple(found.flags) == KINDS and not any(found.flags.values())
    assert set(found.to_json()) == {*KINDS, "flags"}


def test_what_is_not_known_is_not_flagged():
    assert not Artefacts(hair=0, ruler=0, ink=0, dark_corners=0, white_frame=0, colour_cast=None).flags["colour_cast"]


@pytest.mark.parametrize("pixels", [np.zeros((100, 224, 3), np.uint8), np.zeros((224, 224, 3), np.float32)])
def test_other_pixels_are_refused(pixels):
    with pytest.raises(UsageError, match=r"expected \(224, 224, 3\) uint8"):
        find_artefacts(pixels)
