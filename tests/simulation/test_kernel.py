"""Many steps at once are what single steps are: the compiled engine against a plain one, on random small cases."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.sim.engine_record import engine_record
from autoscale.sim.engines import Engines, Feed
from autoscale.sim.kernel import reading
from autoscale.sim.kernel.judging import fine_bin
from autoscale.sim.kernel.records import BINS, RESULT
from deployments.scheduling.targets import NONE, Targets
from tests.simulation.small import profile
from tests.simulation.stepwise import Engine, Sequence, serve

FOREVER_S = 1e9


def _sequences(seed: int, count: int, rate: float, prompt: int, output: int) -> list[Sequence]:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(1 / rate, count))
    prompts = random.integers(1, prompt + 1, count)
    return [
        Sequence(number=at, arrival_s=float(times[at]), prompt=int(prompts[at]),
                 output=int(random.integers(1, output + 1)), cached=int(random.integers(0, prompts[at])))
        for at in range(count)
    ]  # fmt: skip


def _feed(sequences: list[Sequence]) -> Feed:
    def column(name: str, kind: Any) -> Any:
        return np.array([getattr(one, name) for one in sequences], kind)

    return Feed(
        t_s=column("arrival_s", np.float64), prompt=column("prompt", np.int32), output=column("output", np.int32),
        cached=column("cached", np.int32), origin=np.zeros(len(sequences), np.int32),
    )  # fmt: skip


def _run(
    engine: Any,
    sequences: list[Sequence],
    replicas: int,
    *,
    looks: int = 0,
    max_waiting: int | None = None,
    targets: Targets = NONE,
) -> tuple[Any, Any, Any]:
    results, windows = np.zeros(1, RESULT), np.zeros((1, 4096, 2), np.int64)
    results["ttft_s"], results["tpot_s"] = 0.5, 0.02
    record = engine_record(
        engine, ttft_s=0.5, tpot_s=0.02, routing_s=0.0, most_output=64, max_waiting=max_waiting, targets=targets
    )
    engines = Engines(record, results, 60.0, seed=0)
    live = [engines.add(0.0) for _ in range(replicas)]
    engines.route_to(live, 0.0)
    feed = _feed(sequences)
    for at_s in np.linspace(0.0, sequences[-1].arrival_s + 1.0, looks):
        engines.run(feed, windows, float(at_s))
        engines.read(live, float(at_s))
    engines.run(feed, windows, FOREVER_S)
    rows, known = engines.read(live, FOREVER_S)
    return results[0], rows, known


def _bins(values: list[float]) -> list[int]:
    return np.bincount([fine_bin(value) for value in values], minlength=BINS).tolist()


def _check(result: Any, rows: Any, known: Any, plain: list[Engine], sequences: list[Sequence]) -> None:
    answered = [one for one in sequences if not one.refused]
    ttfts = [one.first_s - one.arrival_s for one in answered]
    tpots = [(one.last_s - one.first_s) / (one.output - 1) if one.output > 1 else 0.0 for one in answered]
    assert result["answered"] == len(answered)
    assert result["refused"] == known[reading.REFUSED] == len(sequences) - len(answered)
    assert result["ttft_sum_s"] == pytest.approx(sum(ttfts), rel=1e-9)
    assert result["tpot_sum_s"] == pytest.approx(sum(tpots), rel=1e-9)
    assert result["within"] == sum(a <= 0.5 and b <= 0.02 for a, b in zip(ttfts, tpots, strict=True))
    assert result["ttft"].tolist() == _bins(ttfts)
    assert known[reading.PREEMPTIONS] == sum(engine.preemptions for engine in plain)
    for row, engine in zip(rows, plain, strict=True):
        assert row[reading.GRAM_FROM : reading.SECONDS_FROM] == pytest.approx(engine.gram, rel=1e-9)
        assert row[reading.SECONDS_FROM :] == pytest.approx(engine.seconds, rel=1e-9)
        assert row[reading.SQUARED] == pytest.approx(engine.squared, rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), rate=st.sampled_from([1.0, 10.0, 50.0, 400.0]), slots=st.integers(1, 12),
    batched=st.integers(8, 300), block=st.sampled_from([1, 4, 16]), room=st.floats(1.0, 6.0),
    replicas=st.integers(1, 3), looks=st.sampled_from([0, 40]),
    max_waiting=st.sampled_from([None, 0, 2, 10]), due_s=st.sampled_from([math.inf, 0.2, 1.0]),
    pace_s=st.sampled_from([math.inf, 0.015, 0.03]),
)  # fmt: skip
def test_jumps_equal_single_steps(seed, rate, slots, batched, block, room, replicas, looks, max_waiting, due_s, pace_s):
    """Latencies, refusals, preemptions and totals agree whatever is scarce, and looking in between changes nothing."""
    sequences = _sequences(seed, count=40, rate=rate, prompt=150, output=60)
    longest = max(one.prompt + one.output for one in sequences)
    engine = profile(slots=slots, batched=batched, kv=int(room * (longest + block)), block=block)
    limit = sys.maxsize if max_waiting is None else slots + max_waiting
    targets = Targets(due_s=due_s, pace_s=pace_s)
    plain = serve(engine, sequences, replicas, limit, targets=targets)
    result, rows, known = _run(engine, [*sequences], replicas, looks=looks, max_waiting=max_waiting, targets=targets)
    _check(result, rows, known, plain, sequences)


def _sent(*requests: tuple[float, int, int]) -> list[Sequence]:
    return [
        Sequence(number=at, arrival_s=arrival_s, prompt=prompt, output=output, cached=0)
        for at, (arrival_s, prompt, output) in enumerate(requests)
    ]


def test_a_full_replica_is_left_out_though_it_is_the_least_busy():
    """Two streams fill one replica, a long prompt makes the other busier: that one still takes what comes."""
    engine = profile(slots=2, batched=64, kv=4_000)
    sequences = _sent((0.0, 8, 60), (0.1, 3_000, 5), (0.2, 8, 60), (0.3, 8, 5))
    plain = serve(engine, sequences, 2, limit=2)
    assert not any(one.refused for one in sequences)
    result, rows, known = _run(engine, sequences, 2, max_waiting=0)
    _check(result, rows, known, plain, sequences)


def _five_and_four(*later_s: float) -> tuple[Engines, Any, Feed, list[int]]:
    """Return three replicas at 0.5 s, with five streams under way, four and none; requests come *later_s*."""
    record = engine_record(profile(), ttft_s=0.5, tpot_s=0.02, routing_s=0.0, most_output=200, max_waiting=None)
    engines, windows = Engines(record, np.zeros(1, RESULT), 60.0, seed=0), np.zeros((1, 4096, 2), np.int64)
    times_s = (*(0.01 * at for at in range(9)), *later_s)
    feed = _feed(_sent(*[(at_s, 30, 200) for at_s in times_s]))
    five, four, none = (engines.add(0.0) for _ in range(3))
    engines.route_to([five], 0.0)
    engines.run(feed, windows, 0.045)
    engines.route_to([four], 0.045)
    engines.run(feed, windows, 0.5)
    return engines, windows, feed, [five, four, none]


def test_what_is_sent_again_weighs_as_a_prompt_until_its_next_token():
    """A replica with four streams of a lost one is busier than one with five of its own, and soon no more."""
    engines, windows, feed, (five, four, none) = _five_and_four(0.5001, 1.0)
    engines.empty(four, 0.5, cut=False)
    engines.route_to([none], 0.5)
    engines.route_to([five, none], 0.5)
    engines.run(feed, windows, 0.5001)
    assert (engines.in_flight_at(five), engines.in_flight_at(none)) == (6, 4)
    engines.run(feed, windows, 1.0)
    assert (engines.in_flight_at(five), engines.in_flight_at(none)) == (6, 5)


def test_a_replica_that_was_emptied_is_not_busy():
    """Prompts that left it with its loss weigh nothing there any more."""
    engines, windows, feed, (five, four, none) = _five_and_four(0.5001)
    for lost, heir in ((four, none), (none, four)):
        engines.empty(lost, 0.5, cut=False)
        engines.route_to([heir], 0.5)
    engines.route_to([five, none], 0.5)
    engines.run(feed, windows, 0.5001)
    assert (engines.in_flight_at(five), engines.in_flight_at(none)) == (5, 1)
