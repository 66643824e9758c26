"""The requests that the real engine and the simulator both answer: recorded lengths made shorter, times from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from autoscale.capacity.mix import LengthMix, mix_of
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.lengths import Pairs, read_pairs
from deployments.totals import LENGTH_BINS, LengthTotals, length_bin

# How the times between arrivals vary: standard deviation over mean, of a Gamma distribution.
GAPS: Mapping[str, float] = {"random": 1.0, "bursty": 2.0}
# An answer of one token has no time per further token.
FEWEST_OUTPUT = 2


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace follows from, besides the lengths of its requests."""

    gaps: str
    rate_rps: float
    seconds: float
    seed: int


def scaled(file: Path, scale: float, longest: int) -> Pairs:
    """Return the lengths of *file* divided by *scale*, at most *longest* tokens of prompt and answer together."""
    found = read_pairs(file)
    output = np.clip(np.round(found.output / scale), FEWEST_OUTPUT, longest - 1).astype(np.int32)
    prompt = np.clip(np.round(found.prompt / scale), 1, longest - output).astype(np.int32)
    return Pairs(prompt=prompt, output=output)


def mix(pairs: Pairs) -> LengthMix:
    """Return what a controller that has seen all these requests knows of their lengths."""
    prompt, output = pairs.prompt.astype(np.float64), pairs.output.astype(np.float64)
    found = mix_of(
        LengthTotals(
            requests=len(prompt),
            prompt_tokens=float(prompt.sum()),
            output_tokens=float(output.sum()),
            prompt_squared=float(prompt @ prompt),
            output_squared=float(output @ output),
            prompt_output=float(prompt @ output),
            prompt_counts=_counts(pairs.prompt),
            output_counts=_counts(pairs.output),
        )
    )
    assert found is not None  # noqa: S101 - every request has tokens
    return found


def arrivals(pairs: Pairs, course: Course) -> Arrivals:
    """Return requests at a mean rate that is exact; raises ValueError where they are fewer than two."""
    count = round(course.rate_rps * course.seconds)
    if count < 2:  # noqa: PLR2004 - between one and another there is a gap
        raise ValueError(f"{course.rate_rps:.3g} requests/s are fewer than two in {course.seconds:g} s: take longer")
    random = np.random.default_rng(course.seed)
    shape = GAPS[course.gaps] ** -2
    times = np.cumsum(random.gamma(shape, 1 / shape, count))
    prompt, output = pairs.draw(random, count)
    return Arrivals(
        t_s=times * (course.seconds / float(times[-1])), prompt=prompt, output=output, cached=np.zeros(count, np.int32)
    )


def _counts(lengths: np.ndarray[tuple[int], np.dtype[np.int32]]) -> tuple[float, ...]:
    bins = np.array([length_bin(tokens) for tokens in lengths.tolist()])
    return tuple(np.bincount(bins, minlength=LENGTH_BINS).astype(float).tolist())
