"""A scheduler that serves the lowest number first shares an engine by the tenants' weights."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.engines.fair_tags import LEVEL, MOST_LEVEL, FairTags, Turn, priority
from deployments.fair_share import work_of
from deployments.standing import ALONE, NOBODY, Standing

PROMPT, OUTPUT = 200, 30


@dataclass
class Scheduler:
    """Takes waiting requests by number and then by arrival, as vLLM does, and steps all that are inside."""

    slots: int
    tags: FairTags = field(default_factory=FairTags)
    waiting: list[tuple[int, int, Turn, int, int]] = field(default_factory=list)
    inside: list[tuple[Turn, int, int]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=count)

    def ask(self, standing: Standing, prompt: int, output: int, level: int = 0) -> None:
        turn = Turn(self.tags, standing, prompt=prompt, most=OUTPUT, level=level)
        heapq.heappush(self.waiting, (priority(turn.tag), next(self.numbers), turn, prompt, output))

    def step(self) -> list[str]:
        """Make a token for all that are inside, after letting in as many as there is room for; return whom."""
        let_in = []
        while self.waiting and len(self.inside) < self.slots:
            *_, turn, prompt, output = heapq.heappop(self.waiting)
            self.inside.append((turn, prompt, output))
            self._did(turn, work_of(prompt=prompt))
            let_in.append(turn.tag.standing.account)
        left = []
        for turn, prompt, output in self.inside:
            turn.saw(prompt=prompt, generated=1)
            self._did(turn, work_of(generated=1))
            if output > 1:
                left.append((turn, prompt, output - 1))
            else:
                turn.__exit__()
        self.inside = left
        return let_in

    def _did(self, turn: Turn, work: float) -> None:
        standing = turn.tag.standing
        self.done[standing.account] += work / standing.weight  # type: ignore[assignment]


SIZES = st.lists(st.tuples(st.integers(1, PROMPT), st.integers(1, OUTPUT)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    slots=st.integers(1, 5),
    weights=st.tuples(st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([1.0, 2.0])),
    sizes=st.tuples(SIZES, SIZES),
    alone=st.integers(0, 300),
    more=st.integers(1, 10),
)
def test_two_that_are_backlogged_get_work_by_weight(
    slots: int, weights: tuple[float, float], sizes: tuple[list[tuple[int, int]], ...], alone: int, more: int
) -> None:
    """After any time that one of them had for itself, with any number of requests in line, but never none."""
    scheduler, depth = Scheduler(slots), slots + more
    tenants = [Standing(account=name, weight=weight) for name, weight in zip("ab", weights, strict=True)]
    asked, waiting = [count(), count()], Counter[str]()

    def fill(which: int) -> None:
        standing = tenants[which]
        while waiting[standing.account] < depth:
            prompt, output = sizes[which][next(asked[which]) % len(sizes[which])]
            scheduler.ask(standing, prompt, output)
            waiting[standing.account] += 1

    for _ in range(alone):
        fill(0)
        waiting.subtract(scheduler.step())
    began = dict(scheduler.done)
    # A tag is taken before it is known what those in line before it come to, so their number is in the bound.
    most = work_of(prompt=PROMPT, generated=OUTPUT)
    bound = 2 * (slots + depth + 1) * most / min(weights)
    for _ in range(600):
        fill(0)
        fill(1)
        waiting.subtract(scheduler.step())
        a, b = (scheduler.done[name] - began.get(name, 0.0) for name in "ab")
        assert abs(a - b) <= bound


def test_a_burst_is_served_in_proportion() -> None:
    """Three requests of the heavier for each of the lighter, although all of the lighter's came first."""
    scheduler = Scheduler(1)
    heavy, light = Standing(account="heavy", weight=3.0), Standing(account="light")
    for standing in (light, heavy):
        for _ in range(40):
            scheduler.ask(standing, 100, 1)
    served = [name for _ in range(40) for name in scheduler.step()]
    assert Counter(served[:40]) == {"heavy": 30, "light": 10}


def test_a_higher_level_goes_first_whatever_its_tenant_had() -> None:
    """Tags never reach into another level, and all numbers are ones that vLLM takes."""
    scheduler, one, other = Scheduler(1), Standing(account="one", weight=0.01), Standing(account="other")
    for _ in range(1000):
        scheduler.ask(one, 100_000, 1)
    scheduler.ask(one, 1, 1, level=1)
    scheduler.ask(other, 1, 1)
    assert [scheduler.step() for _ in range(2)] == [["one"], ["one"]]
    tags = FairTags()
    last = tags.open(one, prompt=2**62)
    later = tags.open(one, prompt=1)
    assert last.start == 0
    levels = (MOST_LEVEL, 1, 0, -1, -MOST_LEVEL)
    numbers = [priority(replace(tag, level=level)) for level in levels for tag in (last, later)]
    assert numbers == sorted(numbers)
    assert all(-(2**63) <= number < 2**63 for number in numbers)
    assert [priority(replace(later, level=level)) for level in (10**6, -(10**6))] == [numbers[1], numbers[-1]]
    assert priority(later) < LEVEL


def test_after_a_pause_all_begin_anew() -> None:
    """What was served while nobody else asked is no debt, and not having asked is no credit."""
    scheduler, busy, idle = Scheduler(1), Standing(account="busy"), Standing(account="idle")
    for _ in range(50):
        scheduler.ask(busy, 100, 1)
    while scheduler.waiting or scheduler.inside:
        scheduler.step()
    for _ in range(20):
        scheduler.ask(busy, 100, 1)
        scheduler.ask(idle, 100, 1)
    assert Counter(name for _ in range(10) for name in scheduler.step()) == {"busy": 5, "idle": 5}


def test_an_answer_that_was_longer_than_usual_is_made_up_for() -> None:
    """What is expected follows what an account's requests do, and the end puts its account right."""
    tags, standing = FairTags(), Standing(account="a")
    first = tags.open(standing, prompt=10)
    waiting = tags.open(Standing(account="b"), prompt=1)
    tags.serve(first)
    tags.close(first, prompt=10, generated=100)
    assert tags.open(standing, prompt=0).start == pytest.approx(work_of(prompt=10, generated=100))
    assert tags.open(standing, prompt=0, most=7).expected == work_of(generated=7)
    tags.close(waiting, prompt=0, generated=0)


def test_who_leaves_while_waiting_moves_nobody() -> None:
    """A crowd that sends far more than it waits for neither puts others back nor loses its own place."""
    tags, crowd, other = FairTags(), Standing(account="crowd"), Standing(account="other")
    inside, waiting, *leaving = [Turn(tags, crowd, prompt=100) for _ in range(50)]
    inside.saw(prompt=100, generated=1)
    for turn in leaving:
        turn.__exit__()
    assert tags.open(other, prompt=100).start == inside.tag.start == 0
    assert tags.open(crowd, prompt=100).start == waiting.tag.start + 100


def test_what_waits_at_another_level_keeps_no_claim_at_this_one() -> None:
    """A mirrored request may wait for ever; its tenant, which comes back, begins beside who is being served."""
    tags, idle, busy = FairTags(), Standing(account="idle"), Standing(account="busy")
    starving = tags.open(idle, prompt=1, level=-1000)
    for _ in range(10):
        served = tags.open(busy, prompt=100)
        tags.serve(served)
        tags.close(served, prompt=100, generated=0)
    assert tags.open(idle, prompt=1).start == pytest.approx(work_of(prompt=900))
    assert tags.open(idle, prompt=1, level=-1000).start == pytest.approx(tags._finish["idle"] - work_of(prompt=1))
    assert starving.start == 0


def test_what_nobody_asked_for_takes_nobodys_turn() -> None:
    """It is counted for itself, and finds what its tenant's prompts left."""
    tags, tenant = FairTags(), Standing(account="a", weight=4.0, prefixes="tenant a", stays_local=True)
    unasked = tenant.unasked()
    assert (unasked.account, unasked.weight) == (NOBODY, 1.0)
    assert (unasked.prefixes, unasked.stays_local) == (tenant.prefixes, True)
    assert ALONE.unasked() == ALONE
    tags.open(unasked, prompt=10_000)
    assert tags.open(tenant, prompt=1).start == 0
