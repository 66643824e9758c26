"""Length mixes from totals."""

from __future__ import annotations

from random import Random

import pytest

from autoscale.capacity.mix import RecentMix, mix_of
from deployments.totals import LengthTotals, together


def totals(requests: list[tuple[int, int]], cached: float = 0.0) -> LengthTotals:
    return LengthTotals(
        requests=len(requests),
        prompt_tokens=sum(prompt for prompt, _ in requests),
        cached_tokens=cached * sum(prompt for prompt, _ in requests),
        output_tokens=sum(output for _, output in requests),
        prompt_squared=sum(prompt**2 for prompt, _ in requests),
        output_squared=sum(output**2 for _, output in requests),
        prompt_output=sum(prompt * output for prompt, output in requests),
    )


def test_the_moments_are_those_of_the_requests() -> None:
    """Means, variations, their correlation, and the products that follow from them."""
    requests = [(100, 10), (300, 20), (200, 90), (400, 40)]
    mix = mix_of(totals(requests, cached=0.25))
    assert mix is not None
    assert (mix.prompt_mean, mix.output_mean, mix.cached_share, mix.requests) == (250, 40, 0.25, 4)
    assert mix.prompt_squared == pytest.approx(sum(p * p for p, _ in requests) / 4)
    assert mix.output_squared == pytest.approx(sum(o * o for _, o in requests) / 4)
    assert mix.prompt_output == pytest.approx(sum(p * o for p, o in requests) / 4)


@pytest.mark.parametrize("empty", [LengthTotals(), totals([(5, 0)] * 9), totals([(0, 5)] * 9)])
def test_nothing_is_said_of_nothing(empty: LengthTotals) -> None:
    """Without requests, or without tokens of one kind, there is no mix."""
    assert mix_of(empty) is None


def test_equal_requests_do_not_vary() -> None:
    """Nor does their correlation divide by nothing."""
    mix = mix_of(totals([(100, 10)] * 7))
    assert mix is not None
    assert (mix.prompt_cv, mix.output_cv, mix.correlation) == (0, 0, 0)


def test_old_requests_fade() -> None:
    """Ten memories later only the new lengths are left; one request is too few to begin with."""
    random, recent = Random(0), RecentMix(memory_requests=100)
    recent.add(totals([(1000, 10)]))
    assert recent.mix() is None
    for length in (1000, 200):
        for _ in range(20):
            recent.add(totals([(random.randint(length - 50, length + 50), 10) for _ in range(50)]))
    mix = recent.mix()
    assert mix is not None
    assert mix.prompt_mean == pytest.approx(200, rel=0.03)
    assert mix.requests == pytest.approx(100)


def test_a_burst_larger_than_the_memory_replaces_it() -> None:
    """What finished in one go counts as it is."""
    burst = totals([(7, 3)] * 50)
    for before in ([], [(900, 90)] * 10):
        recent = RecentMix(memory_requests=10)
        recent.add(totals(before))
        recent.add(burst)
        assert recent.mix() == mix_of(burst)
    assert mix_of(together(burst, LengthTotals())) == mix_of(burst)
