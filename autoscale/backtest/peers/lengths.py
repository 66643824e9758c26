"""Mean lengths of the requests that finished lately."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from autoscale.fleet import PoolFleet
from deployments.totals import LengthTotals, gained


@dataclass(slots=True)
class RecentLengths:
    """Mean prompt and output tokens over the last *window_s* seconds; the last known ones while nothing finishes."""

    window_s: float = 300.0
    prompt: float = 0.0
    output: float = 0.0
    cached_share: float = 0.0
    _seen: deque[tuple[float, LengthTotals]] = field(default_factory=deque)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Compare the totals with those of a window ago."""
        if pool.demand is None:
            return
        self._seen.append((at_s, pool.demand.lengths))
        while len(self._seen) > 1 and self._seen[1][0] <= at_s - self.window_s:
            self._seen.popleft()
        recent = gained(pool.demand.lengths, self._seen[0][1])
        recent = recent if recent.requests else pool.demand.lengths
        if recent.requests:
            self.prompt = recent.prompt_tokens / recent.requests
            self.output = recent.output_tokens / recent.requests
            self.cached_share = recent.cached_tokens / max(1.0, recent.prompt_tokens)
