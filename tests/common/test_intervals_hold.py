"""The intervals hold the truth as often as they say: the simulation of bench/intervals.py."""

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.check
def test_intervals_hold_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    from intervals import simulate

    rows = simulate(draws=400)
    sys.modules.pop("intervals")
    for row in rows:
        assert row.covered >= 0.91, row  # 0.95 less four deviations of 400 draws
        assert row.points == 0, row
    assert sum(row.covered for row in rows) / len(rows) >= 0.95
