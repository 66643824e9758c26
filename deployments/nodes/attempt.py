"""One hand-over to a target that may fail: past its circuit breaker, and within the time that each wait may take."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from deployments.errors import CircuitOpen, EngineFailed, FirstTokenTimeout, ServingError, Stalled
from deployments.graph.breaker import Breaker, BreakerRule
from deployments.graph.closing import closing
from deployments.graph.trial import Trial
from deployments.graph.watched import watched
from deployments.graph.wiring import Wiring
from deployments.request import Context, Frame, Request

BREAKER = "breaker "


class Attempts:
    """Hands requests of the node *name* to targets; every node's calls of a target share its breaker.

    ``first_token_s`` and ``between_tokens_s`` bound single waits in seconds, None is no bound. An answer that is not
    streamed has no second wait worth bounding: its first token is told early, and then it comes as a whole.
    """

    def __init__(
        self,
        name: str,
        wiring: Wiring,
        rule: BreakerRule,
        *,
        first_token_s: float | None = None,
        between_tokens_s: float | None = None,
    ) -> None:
        self._name, self._wiring, self._rule = name, wiring, rule
        self._first_token_s, self._between_tokens_s = first_token_s, between_tokens_s

    def breaker(self, target: str) -> Breaker:
        """Return what is remembered of *target*."""
        return self._wiring.remembered(BREAKER + target, Breaker, Breaker)

    async def stream(self, target: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the answer of *target*.

        Raises CircuitOpen where it is left alone, FirstTokenTimeout or Stalled where a wait was too long, EngineFailed
        where it ended without data, and whatever it raises itself.
        """
        between_s = self._between_tokens_s if request.stream else None
        delivered = False
        with self._wiring.edge(self._name, target), self._trial(target, context) as trial:
            async with closing(self._wiring.node(target)(request, context)) as frames:
                with watched(frames, self._first_token_s, between_s, lambda: self._late(target, trial)) as timely:
                    async for frame in timely:
                        trial.saw()
                        delivered = delivered or bool(frame.data)
                        yield frame
            if not delivered:
                raise EngineFailed(f"{target} ended without an answer")

    def _trial(self, target: str, context: Context) -> Trial:
        breaker, now_s = self.breaker(target), self._wiring.clock()
        given = breaker.admit(self._rule, now_s)
        if given is None:
            wait_s = breaker.wait_s(now_s) or self._rule.open
            raise CircuitOpen(f"{target} has failed too often lately", retry_after_s=wait_s)
        return Trial(breaker, self._rule, given, self._wiring.clock, context.deadline_s)

    def _late(self, target: str, trial: Trial) -> ServingError:
        if trial.seen:
            return Stalled(f"{target} was silent for {self._between_tokens_s:g} s")
        return FirstTokenTimeout(f"{target} produced no token within {self._first_token_s:g} s")
