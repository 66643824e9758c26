"""All of an engine's time is somebody's, and everybody's part is what the weights of each step say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.cost.meter import HUNG_S, Meter
from deployments.cost.seat import Seat
from deployments.cost.weights import USUAL, Weights, fitted
from deployments.engines.step_sums import StepSums
from deployments.totals import StepTotals

PLAIN = Weights(base=1.0, prefill_token=0.5, prefill_context=0.0, sequence=2.0, kv_token=0.25)


class Purse:
    """Owes what it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.seconds += seconds


class Rest:
    """Hears of idle time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def idle(self, seconds: float) -> None:
        self.seconds += seconds


def begun(weights: Weights = PLAIN) -> tuple[Meter, Rest]:
    meter, rest = Meter(weights), Rest()
    meter.begin(rest, 0.0)
    return meter, rest


def test_a_step_is_shared_by_its_weights() -> None:
    """The base equally; own tokens, and 10 and 30 tokens of context, by themselves."""
    meter, _ = begun()
    one, two, new = Purse(), Purse(), Purse()
    seats = [meter.enter(purse, 0.0) for purse in (one, two, new)]
    meter.decode(seats[0], 10)
    meter.decode(seats[1], 30)
    meter.step(3.0, [(new, 8.0, 0.0)])
    meter.settle(3.0)
    weights = [1 / 3 + 2 + 2.5, 1 / 3 + 2 + 7.5, 1 / 3 + 4]
    assert [one.seconds, two.seconds, new.seconds] == pytest.approx([3 * each / sum(weights) for each in weights])


def test_what_nobody_uses_is_idle() -> None:
    """Before the first, between two, and after the last sequence."""
    meter, rest = begun()
    purse = Purse()
    seat = meter.enter(purse, 5.0)
    meter.step(6.0, [(purse, 1.0, 0.0)])
    meter.leave(seat, 6.0)
    meter.settle(9.0)
    assert (rest.seconds, purse.seconds) == (8.0, 1.0)


def test_who_breaks_the_last_step_off_owes_what_was_done_of_it() -> None:
    """Nobody else is there who could."""
    meter, rest = begun()
    purse = Purse()
    meter.leave(meter.enter(purse, 1.0), 1.5)
    meter.settle(2.0)
    assert (purse.seconds, rest.seconds) == (0.5, 1.5)


def test_an_engine_that_hangs_is_told_of() -> None:
    """Its time is those's who wait for it, although no step comes to its end."""
    meter, rest = begun()
    one, two = Purse(), Purse()
    for purse in (one, two):
        meter.enter(purse, 0.0)
    meter.settle(HUNG_S / 2)
    assert one.seconds == 0.0
    meter.settle(2 * HUNG_S)
    assert (one.seconds, two.seconds, rest.seconds) == (HUNG_S, HUNG_S, 0.0)


def test_nothing_counts_before_the_beginning() -> None:
    """Warming up is nobody's use."""
    meter, rest = Meter(PLAIN), Rest()
    purse = Purse()
    seat = meter.enter(purse, 1.0)
    meter.step(2.0, [(purse, 1.0, 0.0)])
    meter.leave(seat, 3.0)
    meter.begin(rest, 10.0)
    meter.settle(11.0)
    assert (purse.seconds, rest.seconds) == (0.0, 1.0)


class Reference:
    """Shares each step by itself, sequence by sequence."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.owed: dict[Seat, float] = {}
        self.decoding: dict[Seat, float] = {}
        self.since_s = 0.0

    def step(self, now_s: float, work: list[tuple[Seat, float, float]]) -> None:
        weights, among = self.weights, len(self.decoding) + len(work)
        each = {
            seat: weights.base / among + weights.sequence + weights.kv_token * kv for seat, kv in self.decoding.items()
        }
        for seat, tokens, over in work:
            each[seat] = weights.base / among + weights.prefill_token * tokens + weights.prefill_context * over
        for seat, weight in each.items():
            self.owed[seat] += (now_s - self.since_s) * weight / sum(each.values())
        self.decoding = {seat: kv + 1 for seat, kv in self.decoding.items()}
        self.since_s = now_s


class Engine:
    """Does one thing after another with a meter and with the reference."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.now_s = draw, 0.0
        weights = Weights(*(draw.uniform(0, 1) for _ in range(5)))._replace(base=draw.uniform(0.01, 1))
        self.meter, self.rest = begun(weights)
        self.reference = Reference(weights)
        self.purses: dict[Seat, Purse] = {}
        self.gone_s = 0.0

    def enter(self, _: Seat | None) -> None:
        if not self.purses:
            self.reference.since_s = self.now_s
        purse = Purse()
        seat = self.meter.enter(purse, self.now_s)
        self.purses[seat], self.reference.owed[seat] = purse, 0.0

    def settle(self, _: Seat | None) -> None:
        self.meter.settle(self.now_s)

    def decode(self, seat: Seat | None) -> None:
        if seat is not None and seat not in self.reference.decoding:
            self.reference.decoding[seat] = kv = self.draw.randrange(1, 500)
            self.meter.decode(seat, kv)

    def pause(self, seat: Seat | None) -> None:
        if seat is not None:
            self.reference.decoding.pop(seat, None)
            self.meter.pause(seat)

    def leave(self, seat: Seat | None) -> None:
        if seat is not None and len(self.purses) > 1:
            self.reference.decoding.pop(seat, None)
            self.meter.leave(seat, self.now_s)
            self.gone_s += self.purses.pop(seat).seconds

    def step(self, _: Seat | None) -> None:
        others = [one for one in self.purses if one not in self.reference.decoding]
        chosen = self.draw.sample(others, min(len(others), self.draw.randrange(3)))
        work = [(one, float(self.draw.randrange(1, 64)), self.draw.uniform(0, 500)) for one in chosen]
        self.meter.step(self.now_s, [(self.purses[one], tokens, over) for one, tokens, over in work])
        self.reference.step(self.now_s, work)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_all_time_is_somebodys(seed: int) -> None:
    """Whatever happens in whatever order, sums are those of sharing each step by itself, and all together the time."""
    engine = Engine(draw := random.Random(seed))
    acts = [engine.enter, engine.enter, engine.decode, engine.pause, engine.leave, engine.settle, *[engine.step] * 4]
    for _ in range(120):
        engine.now_s += draw.expovariate(50.0) if draw.random() < 0.7 else 0.0  # in all less than a hang
        draw.choice(acts)(draw.choice(list(engine.purses)) if engine.purses else None)
    engine.meter.settle(engine.now_s)
    owed = {seat: purse.seconds for seat, purse in engine.purses.items()}
    assert owed == pytest.approx({seat: engine.reference.owed[seat] for seat in owed}, abs=1e-9)
    begun_s = engine.now_s - engine.reference.since_s if engine.purses else 0.0
    told_s = sum(owed.values()) + engine.gone_s + engine.rest.seconds
    assert told_s == pytest.approx(engine.now_s - begun_s, abs=1e-9)


def test_weights_are_found_in_the_steps() -> None:
    """From a belief that is far off, up to the noise of single steps."""
    truth, draw, sums = Weights(0.018, 6e-4, 3e-7, 9e-4, 2.5e-6), random.Random(7), StepSums()
    for _ in range(20_000):
        prompt = draw.randrange(1, 512) if draw.random() < 0.3 else 0
        over, running = prompt * draw.uniform(0, 1000), draw.randrange(0 if prompt else 1, 17)
        kv = running * draw.uniform(50, 1500)
        work = (1.0, prompt, over, running, kv)
        seconds = sum(one * size for one, size in zip(truth, work, strict=True)) * draw.gauss(1.0, 0.05)
        sums.add(seconds, prefill=prompt, prefill_context=over, sequences=running, kv=kv)
    assert fitted(sums.read()) == pytest.approx(truth, rel=0.05)


def test_few_steps_change_nothing() -> None:
    """A belief holds until there is something to go by, and no weight is negative whatever there is."""
    assert fitted(StepTotals()) == USUAL
    sums = StepSums()
    for at in range(500):
        sums.add(0.02, prefill=0, prefill_context=0, sequences=4, kv=400 + at % 7)
    found = fitted(sums.read())
    assert min(found) >= 0 < found.base
