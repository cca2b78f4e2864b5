import numpy as np
import pytest

from lentigo.common.statistics.percentiles import find_percentile


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, float])
@pytest.mark.parametrize("percent", [0, 1, 37.5, 50, 90, 99, 100])
def test_percentiles_are_those_of_numpy(dtype, percent):
    rng = np.random.default_rng(7)
    for count in (1, 2, 5, 784):
        values = (255 * rng.random((count, 3))).astype(dtype)
        assert find_percentile(values, percent) == pytest.approx(np.percentile(values, percent), rel=1e-6)


def test_values_stay_as_they_are():
    values = np.uint8([[9, 1], [7, 3]])
    find_percentile(values, 50)
    assert values.tolist() == [[9, 1], [7, 3]]
