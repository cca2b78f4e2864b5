"""Cells that a spreadsheet would run."""

import pytest

from lentigo.common.results.spreadsheet_cells import neutralise


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u200b=1",
        "\ufeff=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        "\nplain",
    ],
)
def test_what_begins_like_a_formula_begins_with_an_apostrophe(text):
    assert neutralise(text) == f"'{text}"


@pytest.mark.parametrize("value", ["mole.jpg", "a=b", "", " mole", "1-2", -0.5, 3, None, True])
def test_other_cells_stay(value):
    assert neutralise(value) == value


def test_several_values_are_one_cell():
    assert neutralise(["=1", "b"]) == "'=1; b"
