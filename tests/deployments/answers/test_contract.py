"""What every second level of the answer cache owes, embedded or shared."""

from __future__ import annotations

import asyncio

from deployments.answers.kept import Since
from deployments.answers.store import AnswerStore
from tests.deployments.answers.making import KEY, NOON_S, kept


async def now(store: AnswerStore) -> Since:
    return (await store.word(None)).now


async def test_what_is_put_is_found_as_it_was(store: AnswerStore) -> None:
    """Every field comes back, and nothing under another key."""
    answer = kept(since=await now(store))
    assert await store.get(KEY, NOON_S) is None
    assert await store.put({KEY: answer}, NOON_S)
    assert await store.get(KEY, NOON_S) == answer
    assert await store.get(b"other", NOON_S) is None


async def test_the_later_of_two_answers_stays(store: AnswerStore) -> None:
    """One key has one answer, and its labels are the later one's."""
    since = await now(store)
    await store.put({KEY: kept("one", since=since)}, NOON_S)
    await store.put({KEY: kept("two", since=since, labels=("tag=other",))}, NOON_S)
    found = await store.get(KEY, NOON_S)
    assert found is not None
    assert found.frames[0].text == "two"
    await store.forget("tag=other", NOON_S)
    assert await store.get(KEY, NOON_S) is None


async def test_an_answer_is_given_until_its_time_is_over(store: AnswerStore) -> None:
    """Not at the moment itself, nor after; one that comes too late is not kept."""
    await store.put({KEY: kept(since=await now(store))}, NOON_S)
    assert await store.get(KEY, NOON_S + 59.9) is not None
    assert await store.get(KEY, NOON_S + 60) is None


async def test_what_is_forgotten_is_gone(store: AnswerStore) -> None:
    """By each of its labels, and nothing else with it."""
    since = await now(store)
    for at, label in enumerate(("tenant=acme", "model=dense", "tag=t1")):
        await store.put({KEY: kept(since=Since(since.store, since.era + at))}, NOON_S)
        await store.put({b"other": kept(since=Since(since.store, since.era + at), labels=("tenant=b",))}, NOON_S)
        assert await store.forget(label, NOON_S) == 1
        assert await store.get(KEY, NOON_S) is None
        assert await store.get(b"other", NOON_S) is not None
    assert await store.forget("tag=nobody's", NOON_S) == 0


async def test_an_order_is_carried_out_once(store: AnswerStore) -> None:
    """Every gateway passes it on: those that come later must not take what was kept since. Another order is another."""
    await store.forget("tenant=acme", NOON_S + 0.123456789)
    since = await now(store)
    await store.put({KEY: kept(since=since)}, NOON_S)
    assert await store.forget("tenant=acme", NOON_S + 0.123456789) == 0
    assert await now(store) == since
    assert await store.get(KEY, NOON_S) is not None
    assert await store.forget("tenant=acme", NOON_S) == 1, "a clock that goes back loses no order"
    assert await store.get(KEY, NOON_S) is None


async def test_what_was_begun_before_a_forgetting_is_not_kept_after_it(store: AnswerStore) -> None:
    """An answer that was under way meanwhile may be of what was to be forgotten."""
    before = await now(store)
    await store.forget("tenant=acme", NOON_S)
    assert not await store.put({KEY: kept(since=before)}, NOON_S)
    assert await store.get(KEY, NOON_S) is None
    assert await store.put({KEY: kept(since=await now(store))}, NOON_S)
    assert await store.put({b"other": kept(since=before, labels=("tenant=b",))}, NOON_S)


async def test_of_several_at_once_each_is_kept_or_not(store: AnswerStore) -> None:
    """One that was forgotten meanwhile, or is of another store, takes no other with it."""
    before = await now(store)
    await store.forget("tag=t1", NOON_S)
    since = await now(store)
    answers = {
        b"outdated": kept(since=before),
        b"other": kept("other", since=before, labels=("tenant=b",)),
        b"another's": kept(since=Since("another", 99)),
        KEY: kept("after", since=since),
    }
    assert set(await store.put(answers, NOON_S)) == {b"other", KEY}
    found = {key: await store.get(key, NOON_S) for key in answers}
    assert found == {b"outdated": None, b"another's": None, b"other": answers[b"other"], KEY: answers[KEY]}
    assert await store.forget("tenant=b", NOON_S) == 1
    assert await store.get(KEY, NOON_S) == answers[KEY]
    assert not await store.put({}, NOON_S)


async def test_an_answer_of_another_store_is_not_kept(store: AnswerStore) -> None:
    """Its moment means nothing here."""
    assert not await store.put({KEY: kept(since=Since("another", 99))}, NOON_S)


async def test_the_word_tells_what_is_new(store: AnswerStore) -> None:
    """All of it to whoever knows nothing or another store, and only the later to whoever has heard the earlier."""
    first = await store.word(None)
    assert first.forgotten == {}
    await store.forget("tag=a", NOON_S)
    second = await store.word(first.now)
    assert second.now == Since(first.now.store, first.now.era + 1)
    assert second.forgotten == {"tag=a": second.now.era}
    await store.forget("tag=b", NOON_S)
    assert set((await store.word(second.now)).forgotten) == {"tag=b"}
    assert set((await store.word(Since("another", 99))).forgotten) == {"tag=a", "tag=b"}


async def test_many_at_once(store: AnswerStore) -> None:
    """Calls do not get into each other's way, and what is forgotten among them is forgotten."""
    since = await now(store)
    keys = [bytes([at]) * 32 for at in range(40)]
    await asyncio.gather(*(store.put({key: kept(key.hex(), since=since)}, NOON_S) for key in keys))
    found = await asyncio.gather(*(store.get(key, NOON_S) for key in keys))
    assert [one and one.frames[0].text for one in found] == [key.hex() for key in keys]
    assert await store.forget("tenant=acme", NOON_S) == len(keys)
    assert await asyncio.gather(*(store.get(key, NOON_S) for key in keys)) == [None] * len(keys)
