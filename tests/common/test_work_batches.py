"""Parts without a cluster: threads do the work, and some of it is lost."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lentigo.common.parallel.work_batches import Lost, choose_size, cut_parts, map_parts


def run(items, work, size=3, width=4, give_up=lambda item, lost: f"{item} given up"):
    """Squares by `work`, in parts, on threads; and the parts that were begun."""
    begun = []
    with ThreadPoolExecutor(4) as pool:

        def submit(part):
            begun.append(part)
            return pool.submit(work, part)

        return list(
            map_parts(cut_parts(items, size), submit, lambda handle: handle.result(), lambda: width, give_up)
        ), begun


def square(part):
    return [item**2 for item in part]


def test_answers_come_in_order_although_early_parts_take_longest():
    def work(part):
        time.sleep(0.05 if part[0] == 0 else 0)
        return square(part)

    assert run(range(20), work)[0] == [n**2 for n in range(20)]


def test_each_item_is_begun_once_where_nothing_is_lost():
    _, begun = run(range(20), square)
    assert sorted(item for part in begun for item in part) == list(range(20))


def test_of_a_lost_part_only_the_item_at_fault_is_given_up():
    def work(part):
        if 7 in part:
            raise Lost("killed")
        return square(part)

    assert run(range(10), work, size=5)[0] == [*(n**2 for n in range(7)), "7 given up", 64, 81]


def test_parts_are_drawn_as_others_are_finished():
    drawn = []
    answers = map_parts(
        ([drawn.append(n) or n] for n in range(100)), lambda part: part, square, lambda: 3, None
    )
    next(answers)
    assert len(drawn) == 3


def test_the_wrong_number_of_answers_is_not_passed_on():
    with pytest.raises(RuntimeError, match="1 answers for 3 items"):
        run(range(3), lambda part: [0])


def test_an_error_of_the_work_ends_it():
    def work(part):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(range(9), work)


def test_nothing_gives_nothing():
    assert run([], square)[0] == []


@pytest.mark.parametrize("count", [1, 5, 1000, 10**6, None])
def test_a_part_has_an_item_at_least_and_a_few_hundred_at_most(count):
    assert 1 <= choose_size(count, 8) <= 256
