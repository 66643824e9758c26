"""One hedged request: when the next branch joins, which one answers, and what is learned of the time that it took."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from deployments.errors import ContextTooLong, DeadlineExceeded, Invalid, ServingError
from deployments.graph.allowance import Allowance
from deployments.graph.quantile_window import QuantileWindow
from deployments.graph.wiring import Wiring
from deployments.nodes.attempt import Attempts
from deployments.nodes.fallback.chain import Failures, exhausted
from deployments.nodes.fallback.on import USUAL, moves_on
from deployments.nodes.hedge.after import delay
from deployments.nodes.hedge.race import Branch, Race
from deployments.request import Context, Frame, Request

FIRST_TOKENS = "first tokens "
NOTE = "hedge"
# Timers may ring a clock tick early.
_SOON_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every request of a hedge has in common; ``allowance`` pays for requests with calls side by side."""

    name: str
    targets: tuple[str, ...]
    after: str | float
    allowance: Allowance
    attempts: Attempts
    wiring: Wiring

    def window(self, target: str) -> QuantileWindow:
        """Return the latest times to a first token of *target*, whichever node asked it."""
        return self.wiring.remembered(FIRST_TOKENS + target, QuantileWindow, QuantileWindow)


class HedgedCall:
    """The branches of one request."""

    def __init__(self, rules: Rules, request: Request, context: Context) -> None:
        self._rules, self._request, self._context = rules, request, context.enter(rules.name)
        # What one replica keeps, no other call can answer.
        self._targets = rules.targets[:1] if request.replica else rules.targets
        self._delay = delay(rules.after, rules.window(rules.targets[0]), self._now_s())
        self._waiting = list(range(len(self._targets)))
        self._started, self._paid = 0, False
        self._due_s: float | None = None
        self._failures = Failures()
        self._story = [self._delay.why] if self._delay.seconds is None else []
        self.race = Race()

    async def winner(self) -> Branch:
        """Return the branch with the first token, all others being left; raises a ServingError where none has one.

        If that one is lost as well before it has data, ask again: nobody has won yet.
        """
        while True:
            if not self.race.running:
                self._start_alone()
            while self._due_s is not None and self._due_s <= self._now_s() + _SOON_S:
                self._join()
            ended = await self.race.step(None if self._due_s is None else self._due_s - self._now_s())
            for branch in ended:
                error = branch.first.exception()
                if error is None:
                    self._decide(branch)
                    return branch
                self.lose(branch, error)

    def noted(self, winner: Branch) -> Frame:
        """Return the winner's first frame with a note on how it came to win."""
        frame = winner.first.result()
        if frame.head is None:
            return frame
        told = "; ".join((f"{winner.target} first", *self._story))
        return msgspec.structs.replace(frame, head=frame.head.noting(NOTE, told))

    def lose(self, branch: Branch, error: BaseException) -> None:
        """Leave a branch that has failed; raise its error where no other branch could do better."""
        self.race.leave([branch])
        if not isinstance(error, ServingError):
            raise error
        wrong = isinstance(error, Invalid) and not isinstance(error, ContextTooLong)
        if wrong or (isinstance(error, DeadlineExceeded) and self._context.deadline_s <= self._now_s()):
            raise error
        self._failures.append((branch.target, error))
        self._story.append(f"{branch.target} failed: {error.code}")
        self._context = self._context.enter(f"{branch.target}!{error.code}")

    def _start_alone(self) -> None:
        """Start the first branch, or one in the place of those that have all failed: that costs nothing twice."""
        if self._failures:
            error = self._failures[-1][1]
            if not moves_on(error, (*USUAL, ContextTooLong.code)):
                raise error
            if not self._waiting:
                raise exhausted(self._failures) from error
        self._start()

    def _start(self) -> None:
        """Start the next branch, and say when the one after it is due."""
        at, now_s = self._waiting.pop(0), self._now_s()
        target = self._targets[at]
        context = self._beside() if self._started else self._context
        self.race.start(at, target, self._rules.attempts.stream(target, self._request, context), now_s)
        self._started += 1
        wait_s = self._delay.seconds if self._waiting else None
        self._due_s = None if wait_s is None else now_s + wait_s

    def _beside(self) -> Context:
        """Return the context of a further call: in the same pool it is to meet another replica, not the same queue."""
        return replace(self._context.fork(f"{self._rules.name}-{self._started}"), apart=True)

    def _join(self) -> None:
        """Start one more branch beside those that run, if the allowance can pay for this request."""
        self._paid = self._paid or self._rules.allowance.spend(self._now_s())
        if self._paid:
            self._story.append(f"{self._targets[self._waiting[0]]} joined {self._delay.why}")
            self._start()
        else:
            self._story.append(f"no other joined: at most {100 * self._rules.allowance.rule.share:g}% may")
            self._due_s = None

    def _decide(self, winner: Branch) -> None:
        """Leave all others, which may be started again should the winner have no data, and learn."""
        losers = [branch for branch in self.race.running if branch is not winner]
        self._learn(winner)
        for loser in losers:
            if loser.at == 0:
                # It took at least so long. Left out, the slow ones would be missing and every quantile too small; as
                # it is, whatever was hedged for being slower than a quantile still counts as slower than that.
                self._learn(loser)
            if loser.first.done() and loser.first.exception() is None:
                self._rules.wiring.took(self._rules.name, loser.first.result().tokens, self._context)
        self.race.leave(losers)
        self._waiting = sorted([*self._waiting, *(loser.at for loser in losers)])
        self._due_s = None

    def _learn(self, branch: Branch) -> None:
        now_s = self._now_s()
        self._rules.window(branch.target).add(now_s - branch.began_s, now_s)

    def _now_s(self) -> float:
        return self._rules.wiring.clock()
