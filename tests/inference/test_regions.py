import numpy as np
import pytest
from scipy import ndimage

from lentigo.inference.lesions.regions import fill_holes, find_regions, open_mask


@pytest.fixture(params=[(1, 40), (30, 41), (120, 77)], ids=str)
def blots(request):
    """Noise, blurred: regions of all shapes, with holes, on the edges too."""
    return ndimage.uniform_filter(np.random.default_rng(5).random(request.param), 3) > 0.5


@pytest.mark.parametrize(("corners", "structure"), [(True, np.ones((3, 3))), (False, None)])
def test_regions_are_those_of_scipy(blots, corners, structure):
    regions, (labels, count) = find_regions(blots, corners=corners), ndimage.label(blots, structure)
    assert regions.count == count and sorted(regions.areas) == sorted(np.bincount(labels.ravel())[1:])
    for number in range(count):
        (label,) = np.unique(labels[regions.paint(np.arange(count) == number)])
        rows, columns = ndimage.find_objects(labels)[label - 1]
        assert regions.boxes[number].tolist() == [columns.start, rows.start, columns.stop, rows.stop]


def test_a_region_that_winds_is_one():
    snake = np.zeros((41, 41), bool)
    snake[::2], snake[1::4, -1], snake[3::4, 0] = True, True, True
    assert find_regions(snake).count == 1


def test_values_are_summed_by_region(blots):
    values = np.random.default_rng(1).random(blots.shape)
    regions = find_regions(blots)
    expected = [
        values[regions.paint(np.arange(regions.count) == number)].sum() for number in range(regions.count)
    ]
    np.testing.assert_allclose(regions.sum_up(values), expected)


def test_holes_are_filled_as_scipy_fills_them(blots):
    np.testing.assert_array_equal(fill_holes(blots), ndimage.binary_fill_holes(blots))


@pytest.mark.parametrize("width", [1, 2, 5])
def test_masks_are_opened_as_scipy_opens_them(width):
    mask = ndimage.uniform_filter(np.random.default_rng(5).random((60, 47)), 7) > 0.5
    padded = ndimage.binary_opening(np.pad(mask, width), np.ones((width, width)))
    np.testing.assert_array_equal(open_mask(mask, width), padded[width:-width, width:-width])


def test_regions_on_the_edge_are_known():
    mask = np.zeros((5, 6), bool)
    mask[2, 2], mask[4, 5] = True, True
    regions = find_regions(mask)
    assert dict(zip(map(tuple, regions.boxes.tolist()), regions.on_edge.tolist(), strict=True)) == {
        (2, 2, 3, 3): False,
        (5, 4, 6, 5): True,
    }


@pytest.mark.parametrize(
    ("mask", "areas"),
    [(np.zeros((3, 4), bool), []), (np.ones((3, 4), bool), [12]), (np.ones((1, 1), bool), [1])],
)
def test_nothing_and_everything(mask, areas):
    regions = find_regions(mask)
    assert regions.areas.tolist() == areas and (regions.paint(np.ones(len(areas), bool)) == mask).all()
