"""fallback: ordered targets; the next one answers when the one before could not begin to.

A frame with data commits to its branch: from then on an error passes through. A frame without data only shows that the
first token exists, so it ends the wait for the first token and commits to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from deployments.errors import EngineFailed, FirstTokenTimeout, Rejected, ServingError
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.quantities import Seconds
from deployments.request import Context, Frame, Request
from deployments.strict import Loc, Strict, fail, not_empty, problem


class Timeouts(Strict):
    """How long one target may take before the next is tried."""

    first_token: Seconds | None = Field(default=None, gt=0)


class FallbackSpec(KindSpec):
    """Ordered targets, each tried once."""

    fallback: Annotated[tuple[str, ...], AfterValidator(not_empty)]
    timeout: Timeouts = Timeouts()

    @field_validator("fallback", mode="after")
    @classmethod
    def _no_target_twice(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        fail("fallback", [
            problem((at,), "repeated", "is already tried earlier in this fallback", name)
            for at, name in enumerate(names) if name in names[:at]
        ])  # fmt: skip
        return names

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the targets in order."""
        return [(("fallback", at), name) for at, name in enumerate(self.fallback)]


def plan(spec: FallbackSpec, subject: Subject) -> Plan:  # noqa: ARG001 -- the order never depends on the request
    """Say the order; which one answers depends on how the pools do at that moment."""
    late = f", or on no token within {spec.timeout.first_token:g} s" if spec.timeout.first_token else ""
    return Plan(order=spec.fallback, why=(f"tries in order {', '.join(spec.fallback)}; moves on when refused{late}",))


MOVES_ON = (Rejected, EngineFailed, FirstTokenTimeout)


class Fallback:
    """Tries its targets in order until one delivers data."""

    def __init__(self, name: str, spec: FallbackSpec, wiring: Wiring) -> None:
        self._name = name
        self._targets = spec.fallback
        self._first_token_s = spec.timeout.first_token
        self._wiring = wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the first answer that begins; a branch is closed before the next one starts."""
        branch = context.enter(self._name)
        failures: list[tuple[str, ServingError]] = []
        for target in self._targets:
            committed = False
            try:
                async with aclosing(self._attempt(target, request, branch)) as frames:
                    async for frame in frames:
                        committed = committed or bool(frame.data)
                        yield frame
            except MOVES_ON as error:
                if committed:
                    raise
                failures.append((target, error))
                branch = branch.enter(f"{target}!{error.code}")
            else:
                return
        raise exhausted(failures) from failures[-1][1]

    async def _attempt(self, target: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, target):
            async with closing(self._wiring.node(target)(request, context)) as frames:
                frame = await first_within(frames, self._first_token_s, target)
                answered = False
                while frame is not None:
                    answered = answered or bool(frame.data)
                    yield frame
                    frame = await anext(frames, None)
                if not answered:
                    raise EngineFailed(f"{target} ended without an answer")


async def first_within(frames: AsyncIterator[Frame], limit_s: float | None, target: str) -> Frame | None:
    """Return the first frame, None where there is none; raise FirstTokenTimeout once *limit_s* seconds are over."""
    try:
        async with asyncio.timeout(limit_s) as wait:
            return await anext(frames, None)
    except TimeoutError as error:
        if not wait.expired():
            raise
        raise FirstTokenTimeout(f"{target} produced no token within {limit_s:g} s") from error


def exhausted(failures: list[tuple[str, ServingError]]) -> ServingError:
    """Return the last failure, telling of all of them; any advice on when to retry is kept."""
    last = failures[-1][1]
    advice = [error.retry_after_s for _, error in reversed(failures) if error.retry_after_s is not None]
    tried = "; ".join(f"{target}!{error.code}: {error.message}" for target, error in failures)
    return type(last)(f"every target failed: {tried}", param=last.param, retry_after_s=next(iter(advice), None))


def build(name: str, spec: FallbackSpec, wiring: Wiring) -> Node:
    """Return the node that tries the targets in order."""
    return Fallback(name, spec, wiring)


KIND = Kind(spec=FallbackSpec, build=build, plan=plan)
