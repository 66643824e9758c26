"""hedge: when the first target is slower than usual a second one is asked as well, and the first token wins.

After Dean and Barroso, The Tail at Scale (CACM 56(2), 2013): waiting for the 95th percentile first keeps the extra work
near 5 %, and ``at_most`` makes sure of it when everything is slow. A frame without data wins the race, but commits to
nothing: whoever fails after it is replaced like one that failed before it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from deployments.errors import ServingError
from deployments.graph.allowance import Allowance, AllowanceRule
from deployments.graph.breaker import BreakerRule
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.attempt import Attempts
from deployments.nodes.hedge.after import After
from deployments.nodes.hedge.call import HedgedCall, Rules
from deployments.quantities import Share
from deployments.request import Context, Frame, Request
from deployments.strict import Loc

_USUAL_SHARE = 0.05
_BURST = 10.0


def _two_or_more(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:  # noqa: PLR2004 - a race takes two
        raise PydanticCustomError(
            "lonely", "has one target; add a second, or the same again for another call in its pool"
        )
    return names


class HedgeSpec(KindSpec):
    """Targets in the order in which they join; the same name twice is another call in the same pool.

    ``at_most`` is the share of requests for which more than one target may be at work: 5 % where it is not set, and all
    where ``after`` is 0, which is a race.
    """

    hedge: Annotated[tuple[str, ...], AfterValidator(_two_or_more)]
    after: After = "p95"
    at_most: Share | None = Field(default=None, gt=0)
    breaker: BreakerRule = BreakerRule()

    @property
    def cap(self) -> float:
        """Return the share of requests that may be hedged."""
        if self.at_most is not None:
            return self.at_most
        return _USUAL_SHARE if self.after else 1.0

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the targets in order."""
        return [(("hedge", at), name) for at, name in enumerate(self.hedge)]


def plan(spec: HedgeSpec, subject: Subject) -> Plan:  # noqa: ARG001 -- who is faster is known only then
    """Say who starts and when the next one joins."""
    first, *others = spec.hedge
    if isinstance(spec.after, str):
        when = f"once {first} takes longer than its {spec.after} to a first token as lately seen"
    else:
        when = f"when {first} has no token after {spec.after:g} s" if spec.after else "at once"
    joined = f"{', '.join(others)} joins {when}, for at most {100 * spec.cap:g}% of requests"
    return Plan(order=tuple(dict.fromkeys(spec.hedge)), why=(f"starts {first}; {joined}; the first token wins",))


def build(name: str, spec: HedgeSpec, wiring: Wiring) -> Node:
    """Return the node that lets targets race."""
    rule = AllowanceRule(share=spec.cap, per_second=0.0, burst=_BURST)
    allowance = wiring.remembered(f"hedges {name}", Allowance, lambda: Allowance(rule))
    allowance.rule = rule
    attempts = Attempts(name, wiring, spec.breaker)
    rules = Rules(
        name=name, targets=spec.hedge, after=spec.after, allowance=allowance, attempts=attempts, wiring=wiring
    )

    async def hedge(request: Request, context: Context) -> AsyncGenerator[Frame]:
        allowance.earn(wiring.clock())
        call = HedgedCall(rules, request, context)
        try:
            while True:
                winner = await call.winner()
                first = call.noted(winner)
                committed = bool(first.data)
                yield first
                try:
                    async for frame in winner.frames:
                        committed = committed or bool(frame.data)
                        yield frame
                except ServingError as error:
                    if committed:
                        raise
                    call.lose(winner, error)
                else:
                    return
        finally:
            await call.race.close()

    return hedge


KIND = Kind(spec=HedgeSpec, build=build, plan=plan)
