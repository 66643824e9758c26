"""Tenants that wait for the same places get them by weight, in work and not in requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.errors import Overloaded
from deployments.fair_share import FairShares, work_of
from deployments.nodes.admission.queue import AdmissionQueue, Limits, Refusal
from deployments.nodes.admission.ticket import Group, Ticket
from deployments.nodes.admission.turn import Turn
from deployments.request import Frame, Head
from deployments.standing import Standing
from tests.deployments.nodes.admission.test_admission import SECOND, built, outcomes

FAR_S = 1e9
ONE_CLASS = Group(name="default")
MOST_PROMPT, MOST_OUTPUT = 400, 40


def ticket(account: str, weight: float = 1.0, work: float = 0.0, ends_by_s: float = FAR_S) -> Ticket:
    return Ticket(
        group=ONE_CLASS, tenant=account, account=account, weight=weight, work=work,
        arrived_s=0.0, start_by_s=FAR_S, deadline_s=ends_by_s,
    )  # fmt: skip


@dataclass
class Engine:
    """Places that each make a token a step; ``done`` is the work of each tenant by its weight, as it is made."""

    weights: dict[str, float]
    limits: Limits
    sizes: Iterator[tuple[int, int]]
    queue: AdmissionQueue = field(default_factory=AdmissionQueue)
    left: dict[Ticket, int] = field(default_factory=dict)
    waiting: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    def step(self, backlogged: set[str]) -> None:
        """Keep three requests of every backlogged tenant in line, let in, and make a token for all inside."""
        for account in sorted(backlogged):
            while self.waiting[account] < 3:
                prompt, output = next(self.sizes)
                one = ticket(account, self.weights[account], work_of(prompt=prompt))
                assert self.queue.offer(one, self.limits, 0.0) is None
                self.left[one] = output
                self.waiting[account] += 1
        for one in self.queue.admit(self.limits, 0.0):
            self.waiting[one.account] -= 1
            self.done[one.account] += one.work / one.weight  # type: ignore[assignment]
        for one in list(self.queue.running):
            self.queue.charge(one, work_of(generated=1))
            self.done[one.account] += work_of(generated=1) / one.weight  # type: ignore[assignment]
            self.left[one] -= 1
            if not self.left[one]:
                self.queue.leave(one, 0.0)

    @property
    def bound(self) -> float:
        """Return twice what one tenant can be given while it is no longer its turn (Theorem 4.4 of the paper)."""
        most = work_of(prompt=MOST_PROMPT) + self.limits.concurrent * work_of(generated=MOST_OUTPUT)
        return 2 * most / min(self.weights.values())


@st.composite
def engines(draw: st.DrawFn) -> Engine:
    """Draw two to four tenants, each with sizes of its own kind of request."""
    weights = draw(st.dictionaries(st.sampled_from("abcd"), st.sampled_from([0.5, 1.0, 3.0]), min_size=2))
    sizes = draw(
        st.lists(st.tuples(st.integers(1, MOST_PROMPT), st.integers(1, MOST_OUTPUT)), min_size=1, max_size=7)
    )  # fmt: skip

    def forever() -> Iterator[tuple[int, int]]:
        while True:
            yield from sizes

    return Engine(weights, Limits(concurrent=draw(st.integers(1, 6)), queue=100), forever())


PHASES = st.lists(st.tuples(st.frozensets(st.sampled_from("abcd")), st.integers(1, 400)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(engine=engines(), phases=PHASES)
def test_nobody_falls_behind_its_share_and_no_pause_is_credit(
    engine: Engine, phases: list[tuple[frozenset[str], int]]
) -> None:
    """Whatever went before, two tenants that both wait get work in proportion to their weights, within a bound.

    Who was away, or alone, or had small requests before begins as if it had not been.
    """
    since: dict[tuple[str, str], float] = {}
    for backlogged, steps in phases:
        for _ in range(steps):
            before = {account for account in engine.weights if engine.waiting[account]}
            engine.step(set(backlogged) & set(engine.weights))
            waits = before & {account for account in engine.weights if engine.waiting[account]}
            for pair in [(a, b) for a in engine.weights for b in engine.weights if a < b]:
                apart = engine.done[pair[0]] - engine.done[pair[1]]
                if not set(pair) <= waits:
                    since.pop(pair, None)
                    continue
                assert abs(apart - since.setdefault(pair, apart)) <= engine.bound


@given(work=st.lists(st.integers(1, 1000), min_size=1, max_size=20), others=st.integers(1, 3))
def test_who_comes_back_begins_with_the_others(work: list[int], others: int) -> None:
    """Its counter is the least of those who wait, or the last one's where nobody does."""
    shares, names = FairShares(), [f"o{number}" for number in range(others)]
    for name in names:
        shares.join(name, [])
        for amount in work:
            shares.charge(name, amount, 1.0)
        shares.take(name)
    shares.join("back", names)
    assert shares.counter("back") == min(map(shares.counter, names))
    shares.join("later", [])
    assert shares.counter("later") == shares.counter(names[-1])


def order(queue: AdmissionQueue, limits: Limits) -> list[Ticket]:
    let_in = list[Ticket]()
    while queue.waiting:
        let_in += queue.admit(limits, 0.0)
        for one in list(queue.running):
            queue.leave(one, 0.0)
    return let_in


def test_work_counts_and_not_requests() -> None:
    """Of two equal tenants, the one whose prompts are nine times as long gets a tenth of the places."""
    limits, queue = Limits(concurrent=1, queue=1000), AdmissionQueue()
    for _ in range(100):
        queue.offer(ticket("long", work=900), limits, 0.0)
        queue.offer(ticket("short", work=100), limits, 0.0)
    assert Counter(one.account for one in order(queue, limits)[:50]) == {"long": 5, "short": 45}


def test_a_full_queue_makes_room_for_who_has_less_of_it() -> None:
    """The newest of the tenant that crowds it goes, until each has its share by weight."""
    limits, queue = Limits(concurrent=1, queue=8), AdmissionQueue()
    for _ in range(9):
        queue.offer(ticket("flood"), limits, 0.0)
        queue.admit(limits, 0.0)
    answers = [queue.offer(ticket("light", weight=3.0), limits, 0.0) for _ in range(8)]
    assert [getattr(one, "account", None) for one in answers[:6]] == ["flood"] * 6
    assert all(isinstance(one, Refusal) and one.reason == "queue_full" for one in answers[6:])
    assert isinstance(queue.offer(ticket("flood"), limits, 0.0), Refusal)
    assert queue.waiting == limits.queue


def test_a_flood_of_others_is_no_reason_to_be_too_late() -> None:
    """A tenant's first request waits for one of each other tenant's, not for all that came before it."""
    limits, queue = Limits(concurrent=1, queue=1000), AdmissionQueue()
    queue.service.ended(0.0, 1.0)
    for _ in range(100):
        queue.offer(ticket("flood"), limits, 0.0)
        queue.admit(limits, 0.0)
    queue.offer(ticket("waits"), limits, 0.0)
    assert queue.offer(ticket("light", ends_by_s=4.0), limits, 0.0) is None
    refused = queue.offer(ticket("flood", ends_by_s=100.0), limits, 0.0)
    assert isinstance(refused, Refusal)
    assert refused.reason == "too_late"


def test_the_node_gives_places_by_the_weights_of_tenants() -> None:
    """All come at once; three of four places are the heavier one's, and one's own stay in the order of deadlines."""
    node, transport, _ = built(SECOND, concurrent=1, wait=100)
    heavy, light = Standing(account="heavy", weight=3.0), Standing(account="light")
    calls: dict[str, Any] = {}
    for number in range(12):
        calls[f"l{number}"] = {"standing": light, "tenant": "light", "deadline_s": 1e6 - number}
    for number in range(12):
        calls[f"h{number}"] = {"standing": heavy, "tenant": "heavy", "deadline_s": 1e6}
    ended, _ = outcomes(node, calls)
    assert Counter(name[0] for name in ended[1:13]) == {"h": 9, "l": 3}
    assert len(transport.seen) == 24


def test_tokens_are_charged_as_they_come_those_that_nobody_sees_too() -> None:
    """Whoever has got a long answer waits until the other has had as much."""
    memory: dict[str, object] = {}
    acts: Any = [Frame(data=b"x", tokens=10), Frame(data=b"y", tokens=5, prompt_tokens=7)]
    node, _, _ = built(acts, memory=memory)
    outcomes(node, {"one": {"standing": Standing(account="acme", weight=2.0)}})
    gate: Any = memory["admission:a"]
    [shares] = gate.queue._shares.values()
    assert shares.counter("acme") == work_of(prompt=7, generated=15) / 2


def test_without_tenants_nothing_is_weighed() -> None:
    """What callers say of themselves decides nothing: deadlines do."""
    node, _, _ = built(SECOND, concurrent=1)
    calls: dict[str, Any] = {
        "inside": {"tenant": "x"},
        "later": {"tenant": "y", "deadline_s": 8.0},
        "sooner": {"tenant": "x", "deadline_s": 7.0},
    }
    ended, _ = outcomes(node, calls)
    assert ended == ["inside", "sooner", "later"]


def test_the_crowded_out_are_told_so() -> None:
    """As those that a higher class displaces: it is safe to try elsewhere or later."""
    node, _, meter = built(SECOND, concurrent=1, queue=2)
    flood, light = Standing(account="flood"), Standing(account="light")
    calls: dict[str, Any] = {f"f{number}": {"standing": flood} for number in range(3)}
    _, how = outcomes(node, {**calls, "l": {"standing": light}})
    assert isinstance(how["f2"], Overloaded)
    assert "with less in the queue" in how["f2"].message
    assert ("default", "displaced") in meter.refusals


@pytest.mark.parametrize(
    "notes", [{"cache": "hit"}, {"cache": "stale"}, {"coalesced": "joined"}, {"cache": "miss"}, {}]
)
def test_what_was_there_already_is_no_work(notes: dict[str, str]) -> None:
    """A tenant loses no turns for an answer that was kept, or that is made for another request."""
    charged: list[float] = []
    queue = AdmissionQueue()
    queue.charge = lambda _, work: charged.append(work)  # type: ignore[method-assign]
    turn = Turn(queue, ticket("a", work=work_of(prompt=100)))
    turn.saw(Frame(data=b"x", tokens=3, head=Head(model="dense", path=(), notes=notes)))
    turn.saw(Frame(data=b"y", tokens=4, prompt_tokens=90))
    was_there = bool(notes) and notes != {"cache": "miss"}
    done = work_of(prompt=100) + sum(charged)
    assert done == pytest.approx(0.0 if was_there else work_of(prompt=90, generated=7))
