"""fallback: ordered targets; the next one answers when the one before could not.

A frame with data commits to its branch: from then on an error passes through, unless the next target may go on with the
answer. A frame without data only shows that the first token exists, so it ends the wait for the first token and commits
to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.allowance import Allowance, AllowanceRule
from deployments.graph.breaker import BreakerRule
from deployments.graph.capability import Need
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node, stack
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.layers.tightened import tightened
from deployments.nodes.attempt import Attempts
from deployments.nodes.fallback.chain import Fallback
from deployments.nodes.fallback.on import USUAL, unfit
from deployments.quantities import Seconds
from deployments.resumable import resumable
from deployments.strict import Loc, Strict, fail, not_empty, problem


class Timeouts(Strict):
    """How long each target may take to its first token and from one to the next, and all of them in ``total``.

    An answer that is not streamed has no time between its tokens. What is not set is bounded by the request's deadline.
    """

    first_token: Seconds | None = Field(default=None, gt=0)
    between_tokens: Seconds | None = Field(default=None, gt=0)
    total: Seconds | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        fail("timeout", self._too_long())
        return self

    def _too_long(self) -> Iterator[InitErrorDetails]:
        for name in ("first_token", "between_tokens"):
            limit_s = getattr(self, name)
            if self.total is not None and limit_s is not None and limit_s >= self.total:
                rule = f"is not less than total ({self.total:g} s), which leaves no time for another target"
                yield problem((name,), "out_of_order", rule, limit_s)


class FallbackSpec(KindSpec):
    """Ordered targets, each tried once.

    ``on`` are the codes of the errors after which the next target is tried; a code includes what is below it in the
    error tree. With ``resume`` a target goes on with what another had begun.
    """

    fallback: Annotated[tuple[str, ...], AfterValidator(not_empty)]
    timeout: Timeouts = Timeouts()
    on: Annotated[tuple[str, ...], AfterValidator(not_empty)] = USUAL
    retry_budget: AllowanceRule = AllowanceRule()
    breaker: BreakerRule = BreakerRule()
    resume: bool = Field(default=False, strict=True)

    @field_validator("fallback", mode="after")
    @classmethod
    def _no_target_twice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        fail("fallback", [
            problem((at,), "repeated", "is already tried earlier in this fallback", name)
            for at, name in enumerate(names) if name in names[:at]
        ])  # fmt: skip
        return names

    @field_validator("on", mode="after")
    @classmethod
    def _errors_that_move_on(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        fail("on", unfit(codes))
        return codes

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the targets in order."""
        return [(("fallback", at), name) for at, name in enumerate(self.fallback)]

    def needs(self) -> list[Need]:
        """Ask that every target can go on with an answer, where that is wanted."""
        return [Need(name, "resume", ("resume",)) for name in self.fallback] if self.resume else []


def plan(spec: FallbackSpec, subject: Subject) -> Plan:
    """Say the order; which one answers depends on how the pools do at that moment."""
    why = [f"tries in order {', '.join(spec.fallback)}; moves on after {', '.join(spec.on)}"]
    why += _told(spec.timeout)
    if spec.resume:
        able = "would be gone on with" if resumable(subject.request) else "could not be gone on with"
        why.append(f"an answer that broke off {able} by the next target")
    return Plan(order=spec.fallback, why=tuple(why))


def _told(limits: Timeouts) -> Iterator[str]:
    if limits.first_token is not None:
        yield f"leaves a target with no token within {limits.first_token:g} s"
    if limits.between_tokens is not None:
        yield f"leaves a target that is silent for {limits.between_tokens:g} s between tokens"
    if limits.total is not None:
        yield f"gives up after {limits.total:g} s in all"


def build(name: str, spec: FallbackSpec, wiring: Wiring) -> Node:
    """Return the node that tries the targets in order."""
    limits = spec.timeout
    attempts = Attempts(
        name, wiring, spec.breaker, first_token_s=limits.first_token, between_tokens_s=limits.between_tokens
    )
    node = Fallback(
        name, spec.fallback, attempts, wiring, on=spec.on, budget=_budget(name, spec, wiring), resume=spec.resume
    )
    return node if limits.total is None else stack(node, tightened(limits.total, wiring.clock))


def _budget(name: str, spec: FallbackSpec, wiring: Wiring) -> Allowance:
    rule = spec.retry_budget
    budget = wiring.remembered(f"retry budget {name}", Allowance, lambda: Allowance(rule, saved=rule.burst))
    budget.rule = rule
    return budget


KIND = Kind(spec=FallbackSpec, build=build, plan=plan)
