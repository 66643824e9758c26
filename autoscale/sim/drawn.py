"""Random requests of a length mix, with gaps of mean 1: the same ones for every rate that they are tried at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoscale.capacity.mix import LengthMix
from deployments.totals import BINS_A_DOUBLING

Floats = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.int32]

_SEED = 0
_LONGEST = 2.0**30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """Requests in order of their arrival; ``gaps`` are those before each of them, of a Poisson process of rate 1."""

    gaps: Floats
    prompt: Tokens
    output: Tokens
    cached: Tokens


def draw(mix: LengthMix, count: int, *, longest: int, most_output: int) -> Drawn:
    """Return *count* requests, their lengths by the counts of the mix, else lognormal by its means and variations.

    The two lengths of a request go together as the mix says. No prompt is longer than *longest*, no output than
    *most_output*.
    """
    random = np.random.default_rng(_SEED)
    gaps, one, other = (
        random.standard_exponential(count), random.standard_normal(count), random.standard_normal(count),
    )  # fmt: skip
    both = _correlation(mix)
    other = both * one + math.sqrt(1 - both**2) * other
    prompt = np.minimum(_lengths(one, mix.prompt_mean, mix.prompt_cv, mix.prompt_counts), longest)
    output = np.minimum(_lengths(other, mix.output_mean, mix.output_cv, mix.output_counts), most_output)
    return Drawn(gaps=gaps, prompt=prompt, output=output, cached=(prompt * mix.cached_share).astype(np.int32))


def _correlation(mix: LengthMix) -> float:
    """Return the correlation of the logarithms of two lognormal lengths that go together as the mix's."""
    one, other = math.log1p(mix.prompt_cv**2), math.log1p(mix.output_cv**2)
    if one <= 0 or other <= 0:
        return 0.0
    product = max(1e-9, 1 + mix.correlation * mix.prompt_cv * mix.output_cv)
    return max(-1.0, min(1.0, math.log(product) / math.sqrt(one * other)))


def _lengths(normal: Floats, mean: float, cv: float, counts: tuple[float, ...]) -> Tokens:
    lengths = _counted(normal, mean, counts) if sum(counts) > 0 else _lognormal(normal, mean, cv)
    return np.maximum(1, np.round(np.minimum(lengths, _LONGEST))).astype(np.int32)


def _lognormal(normal: Floats, mean: float, cv: float) -> Floats:
    square = math.log1p(cv**2)
    return np.asarray(mean * np.exp(math.sqrt(square) * normal - square / 2))


def _counted(normal: Floats, mean: float, counts: tuple[float, ...]) -> Floats:
    """Draw from a histogram of logarithms, even within its bins, and keep the mean that was measured."""
    from scipy.special import ndtr  # noqa: PLC0415 - loaded where it is used

    shares = np.concatenate([[0.0], np.cumsum(counts)]) / sum(counts)
    logs = np.arange(len(counts) + 1) * (math.log(2) / BINS_A_DOUBLING)
    some = np.concatenate([[True], np.diff(shares) > 0])
    some[:-1] |= some[1:]
    lengths = np.exp(np.interp(ndtr(normal), shares[some], logs[some]))
    return np.asarray(lengths * (mean / lengths.mean()))
