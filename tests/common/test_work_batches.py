"""Batches without a cluster: threads do the work, and some of it is lost."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lentigo.common.parallel.work_batches import Lost, choose_size, cut_batches, map_batches


def run(items, work, size=3, width=4, give_up=lambda item, lost: f"{item} given up"):
    """Squares by `work`, in batches, on threads; and the batches that were begun."""
    begun = []
    with ThreadPoolExecutor(4) as pool:

        def submit(batch):
            begun.append(batch)
            return pool.submit(work, batch)

        return list(
            map_batches(
                cut_batches(items, size), submit, lambda handle: handle.result(), lambda: width, give_up
            )
        ), begun


def square(batch):
    return [item**2 for item in batch]


def test_answers_come_in_order_although_early_batches_take_longest():
    def work(batch):
        time.sleep(0.05 if batch[0] == 0 else 0)
        return square(batch)

    assert run(range(20), work)[0] == [n**2 for n in range(20)]


def test_each_item_is_begun_once_where_nothing_is_lost():
    _, begun = run(range(20), square)
    assert sorted(item for batch in begun for item in batch) == list(range(20))


def test_of_a_lost_batch_only_the_item_at_fault_is_given_up():
    def work(batch):
        if 7 in batch:
            raise Lost("killed")
        return square(batch)

    assert run(range(10), work, size=5)[0] == [*(n**2 for n in range(7)), "7 given up", 64, 81]


def test_batches_are_drawn_as_others_are_finished():
    drawn = []
    answers = map_batches(
        ([drawn.append(n) or n] for n in range(100)), lambda batch: batch, square, lambda: 3, None
    )
    next(answers)
    assert len(drawn) == 3


def test_the_wrong_number_of_results_is_not_passed_on():
    with pytest.raises(RuntimeError, match="1 results for 3 items"):
        run(range(3), lambda batch: [0])


def test_an_error_of_the_work_ends_it():
    def work(batch):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(range(9), work)


def test_nothing_gives_nothing():
    assert run([], square)[0] == []


@pytest.mark.parametrize("count", [1, 5, 1000, 10**6, None])
def test_a_batch_has_an_item_at_least_and_a_few_hundred_at_most(count):
    assert 1 <= choose_size(count, 8) <= 256
