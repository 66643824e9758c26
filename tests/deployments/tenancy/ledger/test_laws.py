"""Laws of the ledger, whatever happens in whatever order: a machine of steps beside a naive account of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from deployments.tenancy.ledger.lines import Granted, Quota, Rate
from deployments.tenancy.ledger.redis import RedisLedger
from deployments.tenancy.ledger.sqlite import SCHEMA, SqliteLedger
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.stores.redis_server import RedisServer
from deployments.tenancy.stores.sqlite_file import SqliteFile

Result = TypeVar("Result")
NOW = 1_800_000_000_000_000
LIMITS = {"key": 12, "tenant": 20}
LEASE = 30_000_000
STEPS = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
AMOUNTS = st.dictionaries(st.sampled_from(list(LIMITS)), st.tuples(st.integers(0, 9), st.integers(0, 9)))


@dataclass
class Held:
    """One hold as a bookkeeper would write it down."""

    until_us: int
    amounts: dict[str, int] = field(default_factory=dict)
    sunk: dict[str, int] = field(default_factory=dict)
    state: str = "open"
    paid: dict[str, int] = field(default_factory=dict)
    beyond: dict[str, int] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """Reserves, extends, settles and waits; *ledger* is set by each test."""

    holds = Bundle("holds")
    opened: Callable[[], tuple[Ledger, Callable[[], Awaitable[None]]]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ledger, self.close = self.runner.run(_called(type(self).opened))
        self.now = NOW
        self.book: dict[str, Held] = {}

    def teardown(self) -> None:
        self.run(self.close())
        self.runner.close()

    def run(self, work: Awaitable[Result]) -> Result:
        return self.runner.run(_awaited(work))

    def total(self, account: str, kind: str) -> int:
        """Add up one column of the book."""
        if kind == "reserved":
            return sum(held.amounts.get(account, 0) for held in self.book.values() if held.state == "open")
        return sum(getattr(held, kind).get(account, 0) for held in self.book.values())

    def room(self, account: str) -> int:
        used = sum(self.total(account, kind) for kind in ("paid", "beyond", "reserved"))
        return max(0, LIMITS[account] - used)

    def fits(self, held: Held | None, asked: dict[str, tuple[int, int]]) -> bool:
        before = held.amounts if held else {}
        more = {account: amount - before.get(account, 0) for account, (amount, _) in asked.items()}
        return all(extra <= 0 or extra <= self.room(account) for account, extra in more.items())

    def lines(self, asked: dict[str, tuple[int, int]]) -> list[Quota]:
        return [
            Quota(account=account, amount=amount, sunk=min(sunk, amount), limit=LIMITS[account])
            for account, (amount, sunk) in asked.items()
        ]

    def take(self, held: Held, asked: dict[str, tuple[int, int]]) -> None:
        for account, (amount, sunk) in asked.items():
            held.amounts[account] = max(amount, held.amounts.get(account, 0))
            held.sunk[account] = max(min(sunk, amount), held.sunk.get(account, 0))
        held.until_us = self.now + LEASE

    @rule(target=holds, asked=AMOUNTS)
    def reserve(self, asked: dict[str, tuple[int, int]]) -> str:
        name = f"hold {len(self.book)}"
        answer = self.run(self.ledger.reserve(name, self.lines(asked), self.now, LEASE))
        assert isinstance(answer, Granted) == self.fits(None, asked)
        if isinstance(answer, Granted):
            self.book[name] = Held(self.now + LEASE)
            self.take(self.book[name], asked)
        return name

    @rule(name=holds, asked=AMOUNTS)
    def extend(self, name: str, asked: dict[str, tuple[int, int]]) -> None:
        answer = self.run(self.ledger.extend(name, self.lines(asked), self.now, LEASE))
        held = self.book.get(name)
        is_open = held is not None and held.state == "open"
        assert isinstance(answer, Granted) == (is_open and self.fits(held, asked))
        if isinstance(answer, Granted) and held is not None:
            self.take(held, asked)

    @rule(name=holds, used=st.dictionaries(st.sampled_from(list(LIMITS)), st.integers(0, 12)))
    def settle(self, name: str, used: dict[str, int]) -> None:
        told = self.run(self.ledger.settle(name, used, self.now))
        held = self.book.get(name)
        assert told.known == (held is not None)
        if held is None:
            return
        assert told.again == (held.state == "settled")
        assert told.late == (held.state == "lapsed")
        if held.state == "settled":
            return
        covered = held.sunk if held.state == "lapsed" else held.amounts
        held.state, held.paid = "settled", {}
        for account in held.amounts:
            asked = used.get(account, 0)
            held.paid[account] = min(asked, covered[account])
            over = asked - held.paid[account]
            fits = min(over, self.room(account))
            held.paid[account] += fits
            held.beyond[account] = over - fits
        assert told.overrun == {account: amount for account, amount in held.beyond.items() if amount}

    @rule(passed_us=st.sampled_from([0, 1, LEASE // 3, LEASE - 1, LEASE, 3 * LEASE]))
    def wait(self, passed_us: int) -> None:
        self.now += passed_us
        for held in self.book.values():
            if held.state == "open" and held.until_us <= self.now:
                held.state, held.paid = "lapsed", dict(held.sunk)

    @invariant()
    def nothing_is_overdrawn(self) -> None:
        """And the ledger says what the book says."""
        for account, limit in LIMITS.items():
            state = self.run(self.ledger.statement(account, self.now))
            assert state.settled + state.reserved <= limit
            assert state.settled == self.total(account, "paid")
            assert state.reserved == self.total(account, "reserved")
            assert state.overrun == self.total(account, "beyond")


async def _called(made: Callable[[], Result]) -> Result:
    return made()


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


def on_disk(folder: Path) -> tuple[Ledger, Callable[[], Awaitable[None]]]:
    file = SqliteFile(folder / f"{uuid4().hex}.sqlite", SCHEMA, within_s=10.0)
    return SqliteLedger(file), file.close


def on_server(url: str) -> tuple[Ledger, Callable[[], Awaitable[None]]]:
    server = RedisServer(url, prefix=uuid4().hex, within_s=10.0)
    return RedisLedger(server), server.close


def test_laws_hold_on_disk(tmp_path: Path) -> None:
    """Settled and held never exceed the limit; a lease gives back what was not sunk; settling twice is once."""

    class Machine(LedgerMachine):
        opened = staticmethod(lambda: on_disk(tmp_path))

    run_state_machine_as_test(Machine, settings=STEPS)


def test_laws_hold_on_a_server(redis_url: str) -> None:
    """The same on Redis."""

    class Machine(LedgerMachine):
        opened = staticmethod(lambda: on_server(redis_url))

    run_state_machine_as_test(Machine, settings=STEPS)


class TwinMachine(RuleBasedStateMachine):
    """Does the same on both stores, rates included, and compares every answer."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.twins = self.runner.run(
            _called(lambda: [on_disk(Path(self.folder.name)), on_server(type(self).url)])
        )  # fmt: skip
        self.now = NOW

    def teardown(self) -> None:
        for _, close in self.twins:
            self.runner.run(_awaited(close()))
        self.runner.close()
        self.folder.cleanup()

    def same(self, step: Callable[[Ledger], Awaitable[object]]) -> None:
        first, second = (self.runner.run(_awaited(step(ledger))) for ledger, _ in self.twins)
        assert first == second

    LINES = st.lists(
        st.one_of(
            st.builds(
                lambda account, amount, sunk, limit: Quota(
                    account=account, amount=amount, sunk=min(sunk, amount), limit=limit
                ),
                st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 30), st.sampled_from([20, 50]),
            ),
            st.builds(
                lambda account, amount, sunk, per_minute: Rate(
                    account=account, amount=amount, sunk=min(sunk, amount), per_minute=per_minute, burst=per_minute
                ),
                st.sampled_from("cd"), st.integers(0, 30), st.integers(0, 30), st.sampled_from([7, 60, 99_999_989]),
            ),
        ),
        max_size=4, unique_by=lambda line: line.account,
    )  # fmt: skip
    NAMES = st.sampled_from(["1", "2", "3", "4", "5"])

    @rule(name=NAMES, lines=LINES, lease=st.sampled_from([1_000_000, LEASE]))
    def reserve(self, name: str, lines: list[Quota | Rate], lease: int) -> None:
        self.same(lambda ledger: ledger.reserve(name, lines, self.now, lease))

    @rule(name=NAMES, lines=LINES)
    def extend(self, name: str, lines: list[Quota | Rate]) -> None:
        self.same(lambda ledger: ledger.extend(name, lines, self.now, LEASE))

    @rule(name=NAMES, used=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 60)))
    def settle(self, name: str, used: dict[str, int]) -> None:
        self.same(lambda ledger: ledger.settle(name, used, self.now))

    @rule(passed_us=st.integers(0, 3 * LEASE))
    def wait(self, passed_us: int) -> None:
        self.now += passed_us

    @rule(account=st.sampled_from("ab"))
    def look(self, account: str) -> None:
        self.same(lambda ledger: ledger.statement(account, self.now))


def test_both_stores_answer_alike(redis_url: str) -> None:
    """The script and the rules are one arithmetic, written twice."""

    class Machine(TwinMachine):
        url = redis_url

    run_state_machine_as_test(Machine, settings=STEPS)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 99_999_989])
def test_a_rate_spans_whole_units(per_minute: int) -> None:
    """A unit that was poured in is out again after its span, and not before."""
    one = Rate(account="r", amount=0, per_minute=per_minute, burst=1)
    for units in (0, 1, 2, 59, 10**6):
        assert one.units(one.span_us(units)) >= units
        assert units == 0 or one.units(one.span_us(units) - 1) < units
