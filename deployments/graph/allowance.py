"""A token bucket that requests fill: extra work is allowed as a share of the ordinary work."""

from __future__ import annotations

from pydantic import Field

from deployments.quantities import Share
from deployments.strict import Strict


class AllowanceRule(Strict):
    """Every request earns ``share`` of a token and every second ``per_second`` tokens, up to ``burst`` saved ones.

    The floor ``per_second`` is for times with few requests, of which a share is next to nothing.
    """

    share: Share = 0.2
    per_second: float = Field(default=10.0, ge=0)
    burst: float = Field(default=100.0, ge=1)


class Allowance:
    """Tokens saved so far, *saved* at first; one pays for one piece of extra work.

    At any time no more was spent than *saved*, what the requests until then earned, and what the time until then did.
    ``rule`` may be replaced at any time. Seconds are of one monotonic clock. The kind of retry budget that Finagle has.
    """

    def __init__(self, rule: AllowanceRule, saved: float = 0.0) -> None:
        self.rule = rule
        self._saved = saved
        self._at_s: float | None = None

    def earn(self, now_s: float) -> None:
        """Note one request."""
        self._refill(now_s, self.rule.share)

    def spend(self, now_s: float) -> bool:
        """Pay for one piece of extra work, or say that there is nothing to pay with."""
        self._refill(now_s, 0.0)
        # Twenty times 5 % is 1, though not in binary fractions.
        if self._saved < 1 - 1e-9:
            return False
        self._saved = max(0.0, self._saved - 1)
        return True

    def _refill(self, now_s: float, earned: float) -> None:
        passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s if self._at_s is None else max(self._at_s, now_s)
        self._saved = min(self.rule.burst, self._saved + earned + passed_s * self.rule.per_second)
