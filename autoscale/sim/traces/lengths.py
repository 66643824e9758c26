"""How long prompts and answers are: drawn from histograms, from recorded pairs, or always the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from autoscale.sim.traces.tables import MOST_TOKENS, TraceError, columns_of

Tokens = npt.NDArray[np.int32]


class Lengths(Protocol):
    """A distribution of prompt and output tokens."""

    def draw(self, random: np.random.Generator, count: int) -> tuple[Tokens, Tokens]:
        """Return *count* prompts and outputs in tokens."""
        ...

    @property
    def mean(self) -> tuple[float, float]:
        """Return the mean tokens of a prompt and of an output."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Recorded requests, drawn with replacement: whatever ties outputs to prompts is kept."""

    prompt: Tokens
    output: Tokens

    def draw(self, random: np.random.Generator, count: int) -> tuple[Tokens, Tokens]:
        """Return the lengths of *count* of them."""
        which = random.integers(0, len(self.prompt), count)
        return self.prompt[which], self.output[which]

    @property
    def mean(self) -> tuple[float, float]:
        """Return the mean tokens of a prompt and of an output."""
        return float(self.prompt.mean()), float(self.output.mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histograms:
    """Two histograms, each of tokens and their cumulative probability, drawn independently."""

    prompt: tuple[Tokens, npt.NDArray[np.float64]]
    output: tuple[Tokens, npt.NDArray[np.float64]]

    def draw(self, random: np.random.Generator, count: int) -> tuple[Tokens, Tokens]:
        """Return *count* prompts and outputs in tokens."""
        return _drawn(self.prompt, random, count), _drawn(self.output, random, count)

    @property
    def mean(self) -> tuple[float, float]:
        """Return the mean tokens of a prompt and of an output."""
        return _mean(*self.prompt), _mean(*self.output)


def read_pairs(path: Path) -> Pairs:
    """Return the pairs of a file with ``input_tokens`` and ``output_tokens``, requests with times included."""
    prompt, output = columns_of(path, ("input_tokens", "output_tokens"))
    return Pairs(prompt=_tokens(path, "input_tokens", prompt), output=_tokens(path, "output_tokens", output))


def read_histograms(prompt: Path, output: Path) -> Histograms:
    """Return two histograms from files with ``tokens`` and ``probability``. Raises TraceError."""
    return Histograms(prompt=_histogram(prompt), output=_histogram(output))


def _histogram(path: Path) -> tuple[Tokens, npt.NDArray[np.float64]]:
    tokens, probability = columns_of(path, ("tokens", "probability"))
    if not np.isfinite(probability).all() or np.any(probability < 0) or probability.sum() <= 0:
        raise TraceError(f"{path}: probability must be numbers from 0 on and not all 0")
    return _tokens(path, "tokens", tokens), np.cumsum(probability) / probability.sum()


def _tokens(path: Path, name: str, values: npt.NDArray[np.float64]) -> Tokens:
    if not ((values >= 0) & (values <= MOST_TOKENS)).all():
        raise TraceError(f"{path}: {name} must be whole numbers from 0 to {MOST_TOKENS}; leave out rows without")
    return values.astype(np.int32)


def _drawn(histogram: tuple[Tokens, Any], random: np.random.Generator, count: int) -> Tokens:
    tokens, cumulative = histogram
    drawn: Tokens = tokens[np.minimum(cumulative.searchsorted(random.random(count), "right"), len(tokens) - 1)]
    return drawn


def _mean(tokens: Tokens, cumulative: Any) -> float:
    return float(np.dot(tokens, np.diff(cumulative, prepend=0.0)))
