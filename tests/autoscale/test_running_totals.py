"""Counts that only grow, whoever comes and goes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from autoscale.running_totals import RunningTotals
from deployments.signals import ClassDemand, PoolDemand
from deployments.totals import LengthTotals
from tests.autoscale.builders import gateway_signals, replica_signals


def counting(arrivals: int, **given: object) -> PoolDemand:
    return PoolDemand(arrivals_total=arrivals, **given)  # type: ignore[arg-type]


def arrivals(totals: RunningTotals) -> int:
    return totals.read()["dense"].arrivals if "dense" in totals.read() else 0


def test_a_gateway_s_past_is_not_taken_for_news() -> None:
    """A listener that starts anew begins to count with the first report of each."""
    totals = RunningTotals()
    totals.hear_gateway(gateway_signals("g0", dense=counting(1_000)))
    totals.hear_gateway(gateway_signals("g1", dense=counting(2_000)))
    assert arrivals(totals) == 0
    totals.hear_gateway(gateway_signals("g0", dense=counting(1_003)))
    totals.hear_gateway(gateway_signals("g1", dense=counting(2_004)))
    assert arrivals(totals) == 7


def test_a_pool_that_a_known_gateway_sends_to_for_the_first_time_counts_in_full() -> None:
    """The gateway had been heard: nothing of that pool is past."""
    totals = RunningTotals()
    totals.hear_gateway(gateway_signals("g0"))
    totals.hear_gateway(gateway_signals("g0", dense=counting(5)))
    assert arrivals(totals) == 5


def test_what_a_gateway_counted_stays_when_it_is_gone_and_when_it_begins_anew() -> None:
    """Counters that fell began again, and all they say is new."""
    totals = RunningTotals()
    for count in (0, 10, 4):
        totals.hear_gateway(gateway_signals("g0", dense=counting(count)))
    assert arrivals(totals) == 14
    totals.keep_only([], [])
    totals.hear_gateway(gateway_signals("g0", dense=counting(900)))
    assert arrivals(totals) == 14


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["adds", "restarts", "vanishes"]), st.integers(0, 50)))
)
def test_totals_never_fall(steps: list[tuple[str, str, int]]) -> None:
    """Whatever gateways do, in whatever order."""
    totals, counts = RunningTotals(), dict.fromkeys("abc", 0)
    seen = [0]
    for name, does, count in steps:
        if does == "vanishes":
            totals.keep_only(set("abc") - {name}, [])
            continue
        counts[name] = count if does == "restarts" else counts[name] + count
        lengths = LengthTotals(requests=counts[name], prompt_tokens=7 * counts[name])
        demand = counting(counts[name], lengths=lengths, judged_total=counts[name], within_total=counts[name])
        totals.hear_gateway(gateway_signals(name, dense=demand))
        told = totals.read().get("dense")
        seen.append(told.arrivals if told else 0)
        if told:
            assert (told.judged, told.within, told.lengths.requests) == (told.arrivals,) * 3
    assert all(later >= earlier for earlier, later in pairwise(seen))


def test_cached_tokens_follow_what_the_pool_s_prefix_caches_had() -> None:
    """Half of what the caches were asked for was there, so half of the prompts' tokens were cached."""
    totals = RunningTotals()
    totals.hear_gateway(gateway_signals("g0"))
    totals.hear_replica(replica_signals("r0", prefix_queries_total=600, prefix_hits_total=400))
    totals.hear_replica(replica_signals("r1", prefix_queries_total=200, prefix_hits_total=0))
    lengths = LengthTotals(requests=2, prompt_tokens=100, output_tokens=10)
    totals.hear_gateway(gateway_signals("g0", dense=counting(2, lengths=lengths)))
    assert totals.read()["dense"].lengths.cached_tokens == 50
    assert totals.read()["dense"].lengths.output_tokens == 10


def test_classes_add_up_over_gateways() -> None:
    """A class that one gateway has not seen yet is no reason to lose it."""
    totals = RunningTotals()
    for name in ("g0", "g1"):
        totals.hear_gateway(gateway_signals(name))
        totals.hear_gateway(gateway_signals(name, dense=counting(3, classes={"paid": ClassDemand(arrivals_total=3)})))
    totals.hear_gateway(gateway_signals("g0", dense=counting(4, classes={"free": ClassDemand(arrivals_total=1)})))
    assert totals.read()["dense"].classes == {"paid": 6, "free": 1}
