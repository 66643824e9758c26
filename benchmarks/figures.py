"""What one run of a load comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil

import msgspec

from benchmarks.answers import Answer

SATURATED = 0.9


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one workload against one contender; times in milliseconds, shares in parts of one core.

    A gap is the time between two reads of one stream that brought tokens, so an answer whose tokens come in lumps has
    longer gaps and more tokens a read, and cannot look smooth. ``failed`` counts answers that were not whole or never
    sent, ``faults`` says why. CPU seconds are of the server's processes, from just before the first request to just
    after the last token. ``None`` is what was not measured, as latency is where no answer was whole.
    """

    tok_s: float
    tokens: int
    wall_s: float
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None
    gap_p50_ms: float | None
    gap_p99_ms: float | None
    tokens_per_read: float
    failed: int
    faults: dict[str, int]
    generator_share: float
    engine_cpu_s: float | None = None
    framework_cpu_s: float | None = None

    @property
    def void(self) -> bool:
        """Say whether the load generator, not the server, may have set the pace."""
        return self.generator_share >= SATURATED

    @property
    def framework_per_1000(self) -> float | None:
        """Return the CPU seconds outside the engine for 1,000 streamed tokens."""
        return self.framework_cpu_s / self.tokens * 1e3 if self.framework_cpu_s is not None and self.tokens else None


def figures(answers: Sequence[Answer], *, unsent: int, wall_s: float, generator_cpu_s: float) -> Figures:
    """Add up *answers*; only whole ones count as tokens delivered."""
    whole = [answer for answer in answers if not answer.fault]
    tokens = sum(answer.tokens for answer in whole)
    reads = sum(len(answer.arrivals_s) for answer in whole)
    ttfts = sorted(answer.ttft_s * 1e3 for answer in whole)
    gaps = sorted(gap * 1e3 for answer in whole for gap in answer.gaps_s)
    faults = Counter(answer.fault for answer in answers if answer.fault)
    return Figures(
        tok_s=tokens / wall_s,
        tokens=tokens,
        wall_s=wall_s,
        ttft_p50_ms=quantile(ttfts, 0.5),
        ttft_p99_ms=quantile(ttfts, 0.99),
        gap_p50_ms=quantile(gaps, 0.5),
        gap_p99_ms=quantile(gaps, 0.99),
        tokens_per_read=tokens / reads if reads else 0.0,
        failed=len(answers) - len(whole) + unsent,
        faults=dict(faults.most_common(5)),
        generator_share=generator_cpu_s / wall_s,
    )


def quantile(ordered: Sequence[float], q: float) -> float | None:
    """Return the nearest-rank *q*-quantile of sorted values; None without values."""
    return ordered[max(0, ceil(q * len(ordered)) - 1)] if ordered else None
