"""Group commit, on the store itself: what is answered is on disk, and one transaction holds many requests."""

import asyncio

import pytest
from toys import make_record

from lentigo.errors import UsageError
from lentigo.serving.group_commit import GroupCommit


def write(store, *requests):
    """Writes requests, lists of records each, at the same time; what became of each, and the number of
    records of each transaction.
    """
    sizes = []

    async def add(records):
        sizes.append(len(records))
        return await asyncio.to_thread(store.add, records, "predict")

    async def write_all():
        writer = GroupCommit(add)
        results = await asyncio.gather(*map(writer.add, requests), return_exceptions=True)
        await writer.close()
        return results

    return asyncio.run(write_all()), sizes


def test_requests_that_come_together_share_a_transaction(store):
    requests = [[make_record(name)] for name in "abcd"]
    results, sizes = write(store, *requests)
    assert results == [tuple(records) for records in requests] and sizes == [4]


def test_what_is_answered_is_stored_and_stands_in_the_audit_trail(store):
    records = [make_record("a", 0), make_record("a", 1)]
    write(store, records, [make_record("b")])
    assert store.find_request(records[0].who, "a") == tuple(records)
    assert [event.action for event in store.list_events().events] == ["predict", "predict"]


def test_a_request_that_fails_fails_alone(store):
    good, bad = make_record("good"), make_record("bad", lesion="no")
    (stored, error), _ = write(store, [good], [bad])
    assert stored == (good,) and isinstance(error, UsageError)
    assert store.get(good.id) == good and store.get(bad.id) is None


def test_of_one_request_that_comes_twice_the_first_is_stored(store):
    first, second = make_record("a"), make_record("a")
    (stored, again), sizes = write(store, [first], [second])
    assert stored == again == (first,) and len(sizes) == 2


def test_without_anything_to_write_it_closes(store):
    async def close():
        await GroupCommit(pytest.fail).close()

    asyncio.run(close())
