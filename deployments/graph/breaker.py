"""A circuit breaker: a target that keeps failing is left alone for a while, then tried with a few probes.

The states are Nygard's (Release It!, 2nd ed., ch. 5): closed, open, half-open. Time is an argument, in seconds on one
monotonic clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from deployments.quantities import Seconds, Share
from deployments.strict import Strict

State = Literal["closed", "half_open", "open"]

# Enough calls for any share, and bounded whatever the traffic.
MOST_CALLS = 1000


class BreakerRule(Strict):
    """When a target counts as broken: after ``consecutive`` failures, or a ``share`` of at least ``calls`` calls.

    Only calls that ended within the last ``window`` are looked at. An open circuit lets nobody through for ``open``;
    then ``probes`` calls may go: when all of them are answered it closes, and when one fails it is open again.
    """

    enabled: bool = Field(default=True, strict=True)
    consecutive: int = Field(default=5, ge=1, le=MOST_CALLS)
    share: Share = Field(default=0.5, gt=0)
    calls: int = Field(default=20, ge=1, le=MOST_CALLS)
    window: Seconds = Field(default=30.0, gt=0)
    open: Seconds = Field(default=5.0, gt=0)
    probes: int = Field(default=2, ge=1, le=MOST_CALLS)

    @model_validator(mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to make one call; what comes of it counts only as long as the state that it was given in lasts."""

    era: int
    probe: bool = False


class Breaker:
    """The state of one target, shared by all who call it: each judges by a rule of its own what all have seen.

    Of every call tell first ``answered``, if it was, and then one of ``succeeded``, ``failed`` and ``dropped``. An
    ``era`` ends whenever the circuit opens or closes.
    """

    def __init__(self) -> None:
        self.era = 0
        self._calls: deque[tuple[float, bool]] = deque(maxlen=MOST_CALLS)
        self._open_until_s: float | None = None
        self._probing = self._answered = 0

    def state(self, now_s: float) -> State:
        """Return the state as of *now_s*."""
        if self._open_until_s is None:
            return "closed"
        return "open" if now_s < self._open_until_s else "half_open"

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until probes may go, 0 where calls may go now."""
        return 0.0 if self._open_until_s is None else max(0.0, self._open_until_s - now_s)

    def admit(self, rule: BreakerRule, now_s: float) -> Pass | None:
        """Give leave for one call, or None where the target is to be left alone."""
        state = self.state(now_s)
        if state == "half_open" and rule.enabled and self._answered >= rule.probes:
            # Whoever sent them wants more of them; for this caller they are enough, and none need ever be sent again.
            self._turn(None)
            state = "closed"
        if state == "closed" or not rule.enabled:
            return Pass(self.era)
        if state == "open" or self._probing + self._answered >= rule.probes:
            return None
        self._probing += 1
        return Pass(self.era, probe=True)

    def answered(self, given: Pass, rule: BreakerRule) -> None:
        """Note a first token, which is all that is asked of a probe: its answer may take minutes more."""
        if given.probe and given.era == self.era:
            self._probing -= 1
            self._answered += 1
            if self._answered >= rule.probes:
                self._turn(None)

    def succeeded(self, given: Pass, now_s: float) -> None:
        """Note that a call which was answered ended without fault of the target."""
        if given.era == self.era and not given.probe:
            self._calls.append((now_s, False))

    def failed(self, given: Pass, rule: BreakerRule, now_s: float) -> None:
        """Note that the target failed a call, before or after its first token."""
        if given.era != self.era or not rule.enabled:
            return
        self._calls.append((now_s, True))
        if given.probe or self._broken(rule, now_s):
            self._turn(now_s + rule.open)

    def dropped(self, given: Pass) -> None:
        """Note the end of a call without an answer that says nothing of its target: cancelled, refused, invalid."""
        if given.probe and given.era == self.era:
            self._probing -= 1

    def _broken(self, rule: BreakerRule, now_s: float) -> bool:
        recent = [failed for at_s, failed in self._calls if at_s > now_s - rule.window]
        in_row = next((at for at, failed in enumerate(reversed(recent)) if not failed), len(recent))
        return in_row >= rule.consecutive or (len(recent) >= rule.calls and sum(recent) >= rule.share * len(recent))

    def _turn(self, open_until_s: float | None) -> None:
        """Close, or open until then; calls that are under way no longer count."""
        self.era += 1
        self._open_until_s = open_until_s
        self._calls.clear()
        self._probing = self._answered = 0
