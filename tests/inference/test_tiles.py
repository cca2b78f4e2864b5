import numpy as np
import pytest

from lentigo.inference.lesions.tiles import cut_tiles, lay_grid, merge_tiles


@pytest.mark.parametrize(
    ("width", "height", "side"), [(1600, 1200, 600), (1201, 777, 250), (300, 300, 300), (2000, 60, 60)]
)
def test_tiles_reach_every_pixel_and_overlap_by_half(width, height, side):
    grid = lay_grid(width, height, side)
    for corners, size in ((grid.left, width), (grid.top, height)):
        assert corners[0] == 0 and corners[-1] == size - side and (np.diff(corners) <= side / 2 + 1).all()


def test_a_tile_is_never_larger_than_the_photograph():
    assert lay_grid(500, 80, 300).side == 80


@pytest.mark.parametrize(
    ("width", "height", "side"), [(1600, 1200, 600), (1201, 777, 250), (2000, 60, 60), (97, 300, 97)]
)
def test_what_tiles_show_is_laid_together_in_its_place(width, height, side):
    image = np.zeros((height, width, 3), np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2] = 255
    grid = lay_grid(width, height, side)
    merged = merge_tiles((tile[..., 0] / 255 for tile in cut_tiles(image, grid)), grid)
    rows, columns = (np.flatnonzero((merged > 0.5).any(axis=axis)) for axis in (1, 0))
    found = np.array([columns[0], columns[-1] + 1, rows[0], rows[-1] + 1]) * grid.cell
    np.testing.assert_allclose(
        found, [width // 4, width // 2, height // 4, height // 2], atol=1 + 2 * grid.cell
    )


def test_where_tiles_agree_the_merged_mask_says_the_same():
    grid = lay_grid(900, 500, 200)
    merged = merge_tiles((np.full((224, 224), 0.7, np.float32) for _ in range(len(grid))), grid)
    np.testing.assert_allclose(merged, 0.7, atol=1e-5)
