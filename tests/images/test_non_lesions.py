"""Pictures that show no lesion."""

import numpy as np

from lentigo.images.non_lesions import DRAWINGS, draw_no_lesions


def test_every_kind_is_drawn_and_no_two_pictures_are_alike():
    images = draw_no_lesions(64, each=3, seed=5)
    assert images.shape == (3 * len(DRAWINGS), 64, 64, 3) and images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == len(images)


def test_the_same_seed_draws_the_same():
    assert (draw_no_lesions(32, 2, 1) == draw_no_lesions(32, 2, 1)).all()
    assert (draw_no_lesions(32, 2, 1) != draw_no_lesions(32, 2, 2)).any()
