"""How long requests have been lately: the moments that capacity depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from deployments.totals import LengthTotals, together

# What is remembered is worth at most so many requests; older ones fade.
_MEMORY_REQUESTS = 30_000.0
_FEWEST = 20.0
_FIELDS = tuple(one.name for one in fields(LengthTotals))


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthMix:
    """Mean lengths in tokens, their coefficients of variation, and how prompt and output go together.

    ``cached_share`` of the prompt tokens is in a prefix cache, in [0, 1]; ``correlation`` is that of prompt and output
    length; ``requests`` is how many stand behind the figures, 0 where they were assumed. Only finished requests are in
    them: just after traffic has begun or changed, long outputs are too few, until the longest have had time to end.
    ``prompt_counts`` and ``output_counts`` are requests by ``length_bin``, empty where nobody has counted.
    """

    prompt_mean: float
    output_mean: float
    cached_share: float = 0.0
    prompt_cv: float = 0.0
    output_cv: float = 0.0
    correlation: float = 0.0
    requests: float = 0.0
    prompt_counts: tuple[float, ...] = ()
    output_counts: tuple[float, ...] = ()

    @property
    def prompt_squared(self) -> float:
        """Return the mean square of prompt lengths."""
        return self.prompt_mean**2 * (1 + self.prompt_cv**2)

    @property
    def output_squared(self) -> float:
        """Return the mean square of output lengths."""
        return self.output_mean**2 * (1 + self.output_cv**2)

    @property
    def prompt_output(self) -> float:
        """Return the mean product of the two lengths of a request."""
        return self.prompt_mean * self.output_mean * (1 + self.correlation * self.prompt_cv * self.output_cv)


def mix_of(totals: LengthTotals, *, fewest: float = 1.0) -> LengthMix | None:
    """Return the mix of the requests in *totals*, None where they are fewer than *fewest* or had no tokens."""
    count = totals.requests
    if count < max(fewest, 1.0) or totals.output_tokens <= 0 or totals.prompt_tokens <= 0:
        return None
    prompt, output = totals.prompt_tokens / count, totals.output_tokens / count
    prompt_sd = math.sqrt(max(0.0, totals.prompt_squared / count - prompt**2))
    output_sd = math.sqrt(max(0.0, totals.output_squared / count - output**2))
    spread = prompt_sd * output_sd
    covariance = totals.prompt_output / count - prompt * output
    return LengthMix(
        prompt_mean=prompt,
        output_mean=output,
        cached_share=min(1.0, totals.cached_tokens / totals.prompt_tokens),
        prompt_cv=prompt_sd / prompt,
        output_cv=output_sd / output,
        correlation=max(-1.0, min(1.0, covariance / spread)) if spread > 0 else 0.0,
        requests=count,
        prompt_counts=totals.prompt_counts,
        output_counts=totals.output_counts,
    )


class RecentMix:
    """The mix of recent requests: those that finished long ago fade as others finish.

    The memory is counted in requests rather than seconds, so that a quiet night does not forget what the day knew.
    """

    def __init__(self, memory_requests: float = _MEMORY_REQUESTS) -> None:
        self._memory = memory_requests
        self._totals = LengthTotals()
        self._mix: LengthMix | None = None

    def add(self, gained: LengthTotals) -> None:
        """Add what has finished since the last call."""
        if gained.requests <= 0:
            return
        known = self._totals.requests
        keep = 1.0
        if known + gained.requests > self._memory:
            keep = max(0.0, self._memory - gained.requests) / max(1.0, known)
        self._totals = together(_part(self._totals, keep), gained)
        self._mix = mix_of(self._totals, fewest=_FEWEST)

    @property
    def requests(self) -> float:
        """Count the requests that are remembered, older ones in part."""
        return self._totals.requests

    def mix(self) -> LengthMix | None:
        """Return the mix, None before there are enough requests."""
        return self._mix


def _part(totals: LengthTotals, keep: float) -> LengthTotals:
    if keep == 1.0:
        return totals
    values: dict[str, Any] = {}
    for name in _FIELDS:
        value = getattr(totals, name)
        values[name] = tuple([keep * count for count in value]) if isinstance(value, tuple) else keep * value
    return LengthTotals(**values)
