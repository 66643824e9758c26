"""The targets of a fallback as one answer: what moves on to the next of them, and how often it may."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from deployments.errors import DeadlineExceeded, Invalid, Rejected, ServingError, StaysLocal
from deployments.graph.allowance import Allowance
from deployments.graph.wiring import Wiring
from deployments.nodes.attempt import Attempts
from deployments.nodes.fallback.continuation import Continuation
from deployments.nodes.fallback.on import moves_on
from deployments.request import Context, Frame, Request
from deployments.resumable import resumable

BUDGET_SPENT = "retry_budget_spent"

Failures = list[tuple[str, ServingError]]


class Fallback:
    """Tries its targets in order until one answers; ``on`` are the codes of errors after which the next is tried.

    Until a branch delivers data the next one starts anew. After that it goes on with the answer where ``resume`` allows
    it and the request can be resumed; else the error passes through.
    """

    def __init__(
        self,
        name: str,
        targets: tuple[str, ...],
        attempts: Attempts,
        wiring: Wiring,
        *,
        on: tuple[str, ...],
        budget: Allowance,
        resume: bool,
    ) -> None:
        self._name, self._targets, self._attempts, self._wiring = name, targets, attempts, wiring
        self._on, self._budget, self._resume = on, budget, resume

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream one answer; a branch is closed before the next one starts."""
        self._budget.earn(self._wiring.clock())
        story = Continuation(request) if self._resume and resumable(request) else None
        branch, failures, committed = context.enter(self._name), Failures(), False
        for at, target in enumerate(self._targets):
            asked = request if story is None else story.request()
            try:
                async with aclosing(self._attempts.stream(target, asked, branch)) as frames:
                    async for frame in frames:
                        if story is not None and (disclosure := story.saw(frame)) is not None:
                            yield disclosure
                        committed = committed or bool(frame.data)
                        yield frame
            except ServingError as error:
                if story is not None and story.whole:
                    return
                failures.append((target, error))
                if committed and story is None:
                    raise
                cause = story.broke(error) if story is not None else None
                self._check(failures, self._targets[at + 1 :], context, cause)
                branch = branch.enter(f"{target}!{error.code}")
            else:
                return

    def _check(
        self, failures: Failures, further: tuple[str, ...], context: Context, cause: ServingError | None
    ) -> None:
        """Raise what the client is told where no *further* target is to be asked: *cause* if it has data already."""
        target, error = failures[-1]
        over = isinstance(error, DeadlineExceeded) and context.deadline_s <= self._wiring.clock()
        if over or not moves_on(error, self._on):
            raise cause or error
        if further and self._affordable(target, error):
            return
        if further:
            self._wiring.observe(self._name, further[0], BUDGET_SPENT)
        if cause is not None:
            raise cause
        raise exhausted(failures, untried=further) from error

    def _affordable(self, target: str, error: ServingError) -> bool:
        """Say whether the request may go on.

        The budget is for work that is done twice. What was refused has cost none, and a target whose circuit has opened
        is sent nothing more: neither can multiply load.
        """
        free = isinstance(error, Rejected | Invalid)
        if free or self._attempts.breaker(target).state(self._wiring.clock()) != "closed":
            return True
        return self._budget.spend(self._wiring.clock())


def exhausted(failures: Failures, untried: tuple[str, ...] = ()) -> ServingError:
    """Return the last failure, telling of all of them; any advice on when to retry is kept.

    That a target was not for this tenant is said as such only where none was: what the others suffer from may pass.
    """
    own = [error for _, error in failures if not isinstance(error, StaysLocal)]
    last = own[-1] if own else failures[-1][1]
    advice = [error.retry_after_s for _, error in reversed(failures) if error.retry_after_s is not None]
    tried = "; ".join(f"{target}!{error.code}: {error.message}" for target, error in failures)
    told = f"every target failed: {tried}"
    if untried:
        told = f"{tried}; the retry budget is spent, so {', '.join(untried)} was not asked"
    return type(last)(told, param=last.param, retry_after_s=next(iter(advice), None))
