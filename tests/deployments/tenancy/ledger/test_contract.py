"""What every ledger does, wherever it is kept."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from deployments.tenancy.ledger.lines import (
    MINUTE_US,
    MOST,
    Balance,
    Granted,
    Line,
    Lost,
    Quota,
    Rate,
    Refused,
    Settled,
    Statement,
)
from deployments.tenancy.ledger.redis import RedisLedger
from deployments.tenancy.ledger.sqlite import SqliteLedger
from deployments.tenancy.ledger.store import DUE_AT_ONCE, KEPT_US, LAPSED_US, SETTLED_US, Ledger
from deployments.tenancy.stores.redis_server import RedisServer
from deployments.tenancy.stores.sqlite_file import SqliteFile

NOW = 1_800_000_000_000_000
LEASE = 60_000_000


def quota(amount: int, limit: int = 10, *, account: str = "a", sunk: int = 0, until_us: int | None = None) -> Quota:
    return Quota(account=account, amount=amount, limit=limit, sunk=sunk, until_us=until_us)


def rate(amount: int, *, per_minute: int = 60, burst: int = 10, account: str = "r", sunk: int = 0) -> Rate:
    return Rate(account=account, amount=amount, per_minute=per_minute, burst=burst, sunk=sunk)


async def took(ledger: Ledger, hold: str, *lines: Line, at: int = NOW) -> Granted | Refused | Lost:
    return await ledger.reserve(hold, lines, at, LEASE)


async def stands(ledger: Ledger, account: str = "a", at: int = NOW) -> tuple[int, int, int]:
    state = await ledger.statement(account, at)
    return state.settled, state.reserved, state.overrun


async def test_what_is_held_counts_until_it_is_settled_at_less(ledger: Ledger) -> None:
    """And what was not used is there for others."""
    first = await took(ledger, "1", quota(6))
    assert first == Granted(balances=(Balance(account="a", limit=10, remaining=4, reset_us=None),))
    assert isinstance(await took(ledger, "2", quota(5)), Refused)
    assert await ledger.settle("1", {"a": 2}, NOW) == Settled()
    assert await stands(ledger) == (2, 0, 0)
    assert isinstance(await took(ledger, "2", quota(8)), Granted)


async def test_a_refusal_takes_nothing_of_any_account(ledger: Ledger) -> None:
    """The lines before the one that fails are as they were."""
    until = NOW + 7
    refused = await took(ledger, "1", quota(1), rate(1), quota(11, account="b", until_us=until))
    balance = Balance(account="b", limit=10, remaining=10, reset_us=7)
    assert refused == Refused(balance=balance, wait_us=None, never=True)
    assert await stands(ledger) == (0, 0, 0)
    granted = await took(ledger, "2", rate(10))
    assert isinstance(granted, Granted)
    assert granted.balances[0].remaining == 0


async def test_settling_twice_is_settling_once(ledger: Ledger) -> None:
    """Whatever the second one says."""
    await took(ledger, "1", quota(6))
    await ledger.settle("1", {"a": 2}, NOW)
    assert await ledger.settle("1", {"a": 6}, NOW + 1) == Settled(again=True)
    assert await stands(ledger) == (2, 0, 0)


async def test_nobody_settles_what_nobody_held(ledger: Ledger) -> None:
    """It is said, and changes nothing."""
    assert await ledger.settle("?", {"a": 3}, NOW) == Settled(known=False)
    assert await stands(ledger) == (0, 0, 0)


async def test_reserving_again_under_the_same_name_holds_once(ledger: Ledger) -> None:
    """An answer that was lost on the way may be asked for again; a closed hold is not opened anew."""
    await took(ledger, "1", quota(6))
    again = await took(ledger, "1", quota(6))
    assert isinstance(again, Granted)
    assert await stands(ledger) == (0, 6, 0)
    await ledger.settle("1", {}, NOW)
    assert await took(ledger, "1", quota(6)) == Lost()
    assert await stands(ledger) == (0, 0, 0)


async def test_extending_raises_all_or_nothing(ledger: Ledger) -> None:
    """Amounts are the new totals, never less than before; further accounts may join."""
    await took(ledger, "1", quota(4, sunk=1))
    await took(ledger, "2", quota(3))
    both = await ledger.extend("1", [quota(7), quota(2, account="b")], NOW, LEASE)
    assert isinstance(both, Granted)
    assert (await stands(ledger), await stands(ledger, "b")) == ((0, 10, 0), (0, 2, 0))
    assert isinstance(await ledger.extend("1", [quota(5, account="b"), quota(8)], NOW, LEASE), Refused)
    assert (await stands(ledger), await stands(ledger, "b")) == ((0, 10, 0), (0, 2, 0))
    assert isinstance(await ledger.extend("1", [quota(1)], NOW, LEASE), Granted)
    assert await stands(ledger) == (0, 10, 0)


async def test_extending_prolongs_the_lease(ledger: Ledger) -> None:
    """With no lines it does only that."""
    await took(ledger, "1", quota(4))
    assert await ledger.extend("1", [], NOW + LEASE - 1, LEASE) == Granted()
    assert await stands(ledger, at=NOW + LEASE) == (0, 4, 0)
    assert await stands(ledger, at=NOW + 2 * LEASE - 1) == (0, 0, 0)


async def test_a_lease_that_runs_out_gives_back_all_but_what_is_sunk(ledger: Ledger) -> None:
    """At its very end, by whatever call comes next; and the hold is lost."""
    await took(ledger, "1", quota(6, sunk=2))
    await ledger.extend("1", [quota(6, sunk=3)], NOW, LEASE)
    assert isinstance(await took(ledger, "2", quota(5), at=NOW + LEASE - 1), Refused)
    assert isinstance(await took(ledger, "2", quota(7), at=NOW + LEASE), Granted)
    assert await stands(ledger, at=NOW + LEASE) == (3, 7, 0)
    assert await ledger.extend("1", [quota(6)], NOW + LEASE, LEASE) == Lost()


@pytest.mark.parametrize(("used", "settled", "overrun"), [(0, 0, 0), (2, 2, 0), (3, 3, 0), (5, 4, 1)])
async def test_a_late_settlement_corrects_what_was_sunk(ledger: Ledger, used: int, settled: int, overrun: int) -> None:
    """Down in any case, up as far as there is room; beyond that it is an overrun, and nobody is let in for it."""
    await took(ledger, "1", quota(6, sunk=2))
    await took(ledger, "2", quota(6), at=NOW + LEASE)
    told = await ledger.settle("1", {"a": used}, NOW + LEASE)
    assert told == Settled(late=True, overrun={"a": overrun} if overrun else {})
    assert await stands(ledger, at=NOW + LEASE) == (settled, 6, overrun)
    assert await ledger.settle("1", {"a": 9}, NOW + LEASE) == Settled(again=True)


async def test_more_than_was_held_is_charged_where_there_is_room(ledger: Ledger) -> None:
    """The rest is kept apart, and takes the place of later requests."""
    await took(ledger, "1", quota(3))
    await took(ledger, "2", quota(4))
    assert await ledger.settle("1", {"a": 8}, NOW) == Settled(overrun={"a": 2})
    assert await stands(ledger) == (6, 4, 2)
    await ledger.settle("2", {"a": 0}, NOW)
    assert isinstance(await took(ledger, "3", quota(3)), Refused)
    assert isinstance(await took(ledger, "3", quota(2)), Granted)


async def test_many_leases_that_run_out_at_once_are_all_given_back(ledger: Ledger) -> None:
    """A killed gateway leaves more of them than one call looks after."""
    many = 3 * DUE_AT_ONCE
    for at in range(many):
        await took(ledger, str(at), quota(1, many))
    for at in range(many):
        await ledger.settle(f"poke {at}", {}, NOW + LEASE)
    assert isinstance(await took(ledger, "all", quota(many, many), at=NOW + LEASE), Granted)


async def test_a_rate_lets_in_a_burst_and_then_one_after_the_other(ledger: Ledger) -> None:
    """Sixty a minute are one a second."""
    granted = await took(ledger, "1", rate(10))
    assert granted == Granted(balances=(Balance(account="r", limit=10, remaining=0, reset_us=10_000_000),))
    refused = await took(ledger, "2", rate(1))
    assert isinstance(refused, Refused)
    assert (refused.wait_us, refused.never) == (1_000_000, False)
    assert isinstance(await took(ledger, "2", rate(1), at=NOW + 999_999), Refused)
    assert isinstance(await took(ledger, "2", rate(1), at=NOW + 1_000_000), Granted)


async def test_more_than_a_burst_never_passes(ledger: Ledger) -> None:
    """And the refusal does not advise to wait."""
    refused = await took(ledger, "1", rate(11))
    assert isinstance(refused, Refused)
    assert (refused.wait_us, refused.never) == (None, True)


async def test_a_rate_takes_back_what_is_still_in_the_bucket(ledger: Ledger) -> None:
    """What a request did not use frees its successors, but time that has passed is not given twice."""
    await took(ledger, "1", rate(10))
    await ledger.settle("1", {"r": 4}, NOW + 2_000_000)
    assert await _left(ledger, NOW + 2_000_000) == 8
    await took(ledger, "2", rate(8), at=NOW + 2_000_000)
    await ledger.settle("2", {"r": 0}, NOW + 9_000_000)
    assert await _left(ledger, NOW + 9_000_000) == 10
    await took(ledger, "3", rate(4), at=NOW + MINUTE_US)
    await took(ledger, "4", rate(6), at=NOW + MINUTE_US)
    await ledger.settle("3", {"r": 0}, NOW + MINUTE_US + 3_000_000)
    assert await _left(ledger, NOW + MINUTE_US + 3_000_000) == 4


async def _left(ledger: Ledger, at: int) -> int:
    seen = await took(ledger, f"look {at}", rate(0), at=at)
    assert isinstance(seen, Granted)
    return seen.balances[0].remaining


async def test_a_rate_that_was_overdrawn_makes_the_next_ones_wait(ledger: Ledger) -> None:
    """An answer longer than estimated is paid for afterwards."""
    await took(ledger, "1", rate(10))
    await ledger.settle("1", {"r": 15}, NOW)
    refused = await took(ledger, "2", rate(1))
    assert isinstance(refused, Refused)
    assert refused.wait_us == 6_000_000


async def test_amounts_are_whole_up_to_the_largest(ledger: Ledger) -> None:
    """No store rounds."""
    await took(ledger, "1", quota(MOST - 1, MOST))
    await took(ledger, "2", quota(1, MOST))
    assert isinstance(await took(ledger, "3", quota(1, MOST)), Refused)
    await ledger.settle("1", {"a": MOST - 3}, NOW)
    assert await stands(ledger) == (MOST - 3, 1, 0)


async def test_names_may_hold_what_they_like(ledger: Ledger) -> None:
    """They are data, not syntax."""
    name = "tenant:'; 租户 %d {x} \n"
    await took(ledger, name, quota(2, account=name, sunk=1))
    assert await stands(ledger, name, NOW + LEASE) == (1, 0, 0)


async def test_two_lines_of_one_account_are_a_mistake(ledger: Ledger) -> None:
    """Each would be judged without the other."""
    with pytest.raises(ValueError, match="same account"):
        await took(ledger, "1", quota(6), quota(6))
    assert await ledger.statement("a", NOW) == Statement()


async def test_callers_at_the_same_moment_share_what_there_is(ledger: Ledger) -> None:
    """Exactly as many get in as fit."""
    answers = await asyncio.gather(*(took(ledger, str(at), quota(1, 100), rate(0)) for at in range(400)))
    assert sum(isinstance(answer, Granted) for answer in answers) == 100
    assert await stands(ledger) == (0, 100, 0)


async def test_what_was_settled_is_not_kept_for_long(sqlite_file: SqliteFile) -> None:
    """A settled hold goes after minutes, a lapsed one stays a day; empty buckets and old accounts go as well."""
    ledger = SqliteLedger(sqlite_file)
    await took(ledger, "settled", quota(1, until_us=NOW), rate(1))
    await ledger.settle("settled", {"a": 1, "r": 1}, NOW)
    await took(ledger, "lapsed", quota(1, account="b", sunk=1))
    assert await ledger.settle("settled", {}, NOW + SETTLED_US - 1) == Settled(again=True)
    later = NOW + LEASE + SETTLED_US + KEPT_US
    await took(ledger, "new", quota(1, account="b"), at=NOW + LEASE)
    await ledger.settle("new", {}, NOW + LEASE)
    assert await ledger.settle("settled", {}, NOW + LEASE + SETTLED_US) == Settled(known=False)
    assert await ledger.settle("lapsed", {"b": 1}, NOW + LEASE + SETTLED_US) == Settled(late=True)
    await ledger.settle("?", {}, later + MINUTE_US)

    def kept(rows: sqlite3.Connection) -> list[tuple[str]]:
        names = "SELECT account FROM quota UNION ALL SELECT account FROM rate UNION ALL SELECT name FROM hold"
        return rows.execute(names).fetchall()

    assert await sqlite_file.run(kept) == [("b",)]


async def test_redis_forgets_by_itself(redis_server: RedisServer) -> None:
    """A settled hold sooner than one that lapsed."""
    ledger = RedisLedger(redis_server)
    for name in ("settled", "lapsed"):
        await took(ledger, name, quota(1))
    await ledger.settle("settled", {}, NOW)
    await stands(ledger, at=NOW + LEASE)
    key = redis_server.key("ledger", "hold")
    left = [await redis_server.call("PTTL", f"{key}:{name}") for name in ("settled", "lapsed")]
    assert 0 < left[0] <= SETTLED_US / 1000 < left[1] <= LAPSED_US / 1000
