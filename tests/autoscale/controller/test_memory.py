"""What the controller remembers, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoscale.controller.memory import Memory
from autoscale.heard import window
from tests.autoscale.builders import gateway_signals, replica_signals


def filled(gaps_s: list[float], *, span_s: float = 60.0, spacing_s: float = 2.0) -> tuple[Memory, list[float]]:
    memory = Memory(span_s=span_s, spacing_s=spacing_s)
    times, now_s = [], 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        times.append(now_s)
        memory.hear_gateway(gateway_signals(at_s=now_s), now_s)
    return memory, times


GAPS = st.lists(st.floats(0.05, 20.0), min_size=1, max_size=200)


@given(gaps_s=GAPS)
def test_the_newest_report_is_always_there_and_in_order(gaps_s: list[float]) -> None:
    """However fast reports come, the last word counts."""
    memory, times = filled(gaps_s)
    kept = [heard.at_s for heard in memory.reports().gateways["g0"]]
    assert kept == sorted(kept)
    assert kept[-1] == times[-1]


@given(gaps_s=GAPS)
def test_memory_is_bounded_by_span_and_spacing(gaps_s: list[float]) -> None:
    """A sender that reports all the time costs no more than the span divided by the spacing, and a few."""
    memory, _ = filled(gaps_s, span_s=60.0, spacing_s=2.0)
    assert len(memory.reports().gateways["g0"]) <= 60 / 2 + 3


@given(gaps_s=st.lists(st.floats(0.05, 1.0), min_size=80, max_size=200), window_s=st.floats(5.0, 30.0))
def test_a_window_reaches_back_as_far_as_asked_up_to_the_spacing(gaps_s: list[float], window_s: float) -> None:
    """The report that a window begins with lies within it, and at most one spacing and one gap after its start."""
    memory, times = filled(gaps_s)
    newest, began = window(memory.reports().gateways["g0"], times[-1], window_s)
    assert newest.at_s == times[-1]
    assert times[-1] - window_s <= began.at_s <= max(times[0], times[-1] - window_s + 3.0)


def test_whoever_is_silent_for_long_is_forgotten() -> None:
    """Only then: until the deadline the silence is worth knowing about."""
    memory = Memory(forget_after_s=60.0)
    memory.hear_replica(replica_signals(at_s=0.0), 0.0)
    memory.hear_gateway(gateway_signals(at_s=30.0), 30.0)
    memory.prune(60.0)
    assert set(memory.reports().replicas) == {"r0"}
    memory.prune(61.0)
    assert set(memory.reports().replicas) == set()
    assert set(memory.reports().gateways) == {"g0"}


def test_forgets_at_once_whoever_is_known_to_be_gone() -> None:
    """A stranger's name is nothing to complain about."""
    memory = Memory()
    memory.hear_replica(replica_signals(), 0.0)
    memory.forget("r0")
    memory.forget("nobody")
    assert memory.reports().replicas == {}


def test_a_gateway_that_serve_lists_no_more_is_forgotten_once_it_is_silent() -> None:
    """Neither one that still speaks, nor one that Serve has never known, nor one that it has again."""
    memory, everyone = Memory(), frozenset({"gone", "speaks", "back"})
    for name in (*everyone, "stranger"):
        memory.hear_gateway(gateway_signals(name, at_s=0.0), 0.0)
    memory.miss(everyone, -5.0)
    memory.hear_gateway(gateway_signals("speaks", at_s=8.0), 8.0)
    memory.miss(frozenset(), -1.0)
    assert set(memory.reports().gateways) == {*everyone, "stranger"}
    memory.miss(frozenset({"back"}), 4.0)
    assert set(memory.reports().gateways) == {"speaks", "back", "stranger"}
