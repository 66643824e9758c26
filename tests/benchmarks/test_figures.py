"""Figures are of whole answers, and say what is missing."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.answers import Answer
from benchmarks.figures import figures, quantile


def answer(*arrivals_s: float, tokens: int = 4, fault: str = "") -> Answer:
    return Answer(
        sent_s=0.0, ended_s=arrivals_s[-1], arrivals_s=arrivals_s, tokens=tokens, events=tokens, text="", fault=fault
    )


def test_rate_and_latency_are_of_whole_answers() -> None:
    """A broken answer's tokens are not counted, and it is counted as failed."""
    seen = figures(
        [answer(0.1, 0.2, 0.4), answer(0.3, 0.5, fault="no [DONE]")], unsent=2, wall_s=2.0, generator_cpu_s=0.5
    )
    assert (seen.tok_s, seen.tokens) == (2.0, 4)
    assert (seen.failed, seen.faults) == (3, {"no [DONE]": 1})
    assert seen.ttft_p50_ms == pytest.approx(100)
    assert (seen.gap_p50_ms, seen.gap_p99_ms) == (pytest.approx(100), pytest.approx(200))
    assert seen.tokens_per_read == pytest.approx(4 / 3)


def test_a_generator_that_needs_a_core_voids_the_run() -> None:
    """Then it may be the generator that set the pace."""
    runs = [figures([answer(0.1)], unsent=0, wall_s=1.0, generator_cpu_s=cpu_s) for cpu_s in (0.89, 0.9)]
    assert [run.void for run in runs] == [False, True]


def test_cost_is_for_a_thousand_delivered_tokens() -> None:
    """Without tokens there is no cost for a token."""
    seen = figures([answer(0.1, tokens=500)], unsent=0, wall_s=1.0, generator_cpu_s=0.0)
    assert seen.framework_per_1000 is None
    assert msgspec.structs.replace(seen, framework_cpu_s=0.05).framework_per_1000 == pytest.approx(0.1)
    nothing = figures([], unsent=1, wall_s=1.0, generator_cpu_s=0.0)
    assert msgspec.structs.replace(nothing, framework_cpu_s=0.05).framework_per_1000 is None
    assert nothing.ttft_p50_ms is None


@pytest.mark.parametrize(("q", "value"), [(0.0, 1), (0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_quantile_is_a_value_that_was_seen(q: float, value: float) -> None:
    """Nearest rank: nothing is interpolated."""
    assert quantile([1, 2, 3, 4], q) == value
