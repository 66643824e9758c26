"""batch: small offline completions go out as one call with a list of prompts.

Engines batch by themselves; this saves calls where each costs something, as with a model reached over HTTP. It belongs
right above such a model: nodes below it see all prompts as one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
from pydantic import Field

from deployments.errors import Invalid
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.batch.merge import Share, key_of, merged, prompt_of, shares
from deployments.nodes.coalesce.recording import Recording
from deployments.nodes.shared_head import retold
from deployments.quantities import Seconds
from deployments.request import Context, Frame, Request
from deployments.strict import Loc

_MOST_BYTES = 64 * 2**20


class BatchSpec(KindSpec):
    """One target. Up to *max* completions that differ in their prompts alone are merged, the first waiting for *wait*.

    Only requests that ask for it, are not streamed, and want *at_most_tokens* or fewer.
    """

    batch: str = Field(min_length=1)
    max: int = Field(default=16, strict=True, ge=2, le=1024)
    wait: Seconds = Field(default=0.02, gt=0, le=60)
    at_most_tokens: int = Field(default=64, strict=True, ge=1)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target."""
        return [(("batch",), self.batch)]


def plan(spec: BatchSpec, subject: Subject) -> Plan:
    """Say whether the request would be merged with others."""
    alone = key_of(subject.request, subject.context, at_most_tokens=spec.at_most_tokens) is None
    together = f"waits up to {1000 * spec.wait:g} ms for others like it, {spec.max} at most"
    return Plan(order=(spec.batch,), why=("goes alone" if alone else together,))


class Batch:
    """Gathers requests by what they have in common."""

    def __init__(self, name: str, spec: BatchSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._gathering: dict[tuple[bytes, type], _Call] = {}

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Answer *request* from a call of its own, or of several."""
        key = key_of(request, context, at_most_tokens=self._spec.at_most_tokens)
        if key is None:
            return self._call(request, context.enter(self._name))
        return self._together((key, type(prompt_of(request))), request, context)

    async def _together(self, key: tuple[bytes, type], request: Request, context: Context) -> AsyncGenerator[Frame]:
        call = self._gathering.get(key)
        if call is None or not call.recording.open:
            call = self._gathering[key] = _Call(self)
        member = _Member(request, context)
        call.join(member, most=self._spec.max)
        own_call = False
        try:
            async with closing(call.recording.listen()) as frames:
                async for frame in frames:
                    yield call.part(frame, member)
        except Invalid:
            # One prompt's fault must not be the others'.
            own_call = len(call.sent) > 1
            if not own_call:
                raise
        finally:
            call.leave(member)
            if self._gathering.get(key) is call and not call.recording.open:
                del self._gathering[key]
        if own_call:
            async with closing(self._call(request, context.enter(self._name))) as frames:
                async for frame in frames:
                    yield frame

    async def gathered(self, call: _Call) -> AsyncGenerator[Frame]:
        """Wait for company, then stream the answer to all who are still here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._spec.wait):
                await call.full.wait()
        request, context = call.go(self._name)
        self._wiring.meters.merged(self._name, len(call.sent))
        async with closing(self._call(request, context)) as frames:
            async for frame in frames:
                yield frame

    async def _call(self, request: Request, entered: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, self._spec.batch):
            async with closing(self._wiring.node(self._spec.batch)(request, entered)) as frames:
                async for frame in frames:
                    yield frame


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One of those who share a call."""

    request: Request
    context: Context


class _Call:
    """One call and those who share it; ``sent`` are those whose prompts went out, in order."""

    def __init__(self, batch: Batch) -> None:
        self.full = asyncio.Event()
        self.sent: list[_Member] = []
        self._members: dict[_Member, None] = {}
        self._context: Context | None = None
        self._answer = b""
        self.recording = Recording(
            batch.gathered(self), most_bytes=_MOST_BYTES, over=lambda: self.full.is_set() or bool(self.sent)
        )

    def join(self, member: _Member, *, most: int) -> None:
        """Take a request in; with the last that there is room for the call goes out."""
        self._members[member] = None
        if len(self._members) >= most:
            self.full.set()

    def leave(self, member: _Member) -> None:
        """Forget a request; one that left before the call went out is not part of it."""
        self._members.pop(member, None)

    def go(self, name: str) -> tuple[Request, Context]:
        """Return the call to make: the first one's context, with the time of whoever has most."""
        self.sent = list(self._members)
        self._context = replace(
            self.sent[0].context.enter(name),
            deadline_s=max(member.context.deadline_s for member in self.sent),
            priority=max(member.context.priority for member in self.sent),
        )
        return merged([member.request for member in self.sent]), self._context

    def part(self, frame: Frame, member: _Member) -> Frame:
        """Return what *member* gets of a frame."""
        if len(self.sent) == 1:
            return frame
        assert self._context is not None  # noqa: S101 - frames come after the call went out
        if frame.head is not None:
            head = retold(frame.head, self._context, member.context).noting("batched", str(len(self.sent)))
            frame = msgspec.structs.replace(frame, head=head)
        if not frame.data:
            return msgspec.structs.replace(frame, tokens=0)  # nobody's own; each is told its tokens with its part
        self._answer = frame.data
        own = self._shares[self.sent.index(member)]
        return Frame(
            data=own.body,
            text=own.text,
            tokens=own.completion_tokens,
            prompt_tokens=own.prompt_tokens,
            finish_reason=own.finish_reason,
            head=frame.head,
        )

    @cached_property
    def _shares(self) -> list[Share]:
        return shares(self._answer, [member.request for member in self.sent])


def build(name: str, spec: BatchSpec, wiring: Wiring) -> Node:
    """Return the node that merges small requests."""
    return Batch(name, spec, wiring)


KIND = Kind(spec=BatchSpec, build=build, plan=plan)
