"""coalesce: identical requests that are under way at the same time share one generation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import msgspec
from pydantic import Field, field_validator

from deployments.graph.closing import closing
from deployments.graph.kind import Kind, KindSpec, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.coalesce.key import key_of
from deployments.nodes.coalesce.recording import Recording
from deployments.nodes.shared_head import retold
from deployments.quantities import Bytes, Seconds
from deployments.request import Context, Frame, Request
from deployments.strict import Loc


class CoalesceSpec(KindSpec):
    """One target. Requests join a generation until *window* after its start, while it takes at most *memory*.

    Only what is the same each time is shared (temperature 0, a seed, vectors and counts), with ``any`` everything.
    ``ignore_headers`` lists headers that nothing further down chooses by.
    """

    coalesce: str = Field(min_length=1)
    window: Seconds = Field(default=10.0, gt=0, le=3600)
    memory: Bytes = Field(default=2**20, gt=0)
    any: bool = Field(default=False, strict=True)
    ignore_headers: tuple[str, ...] = ()

    @field_validator("ignore_headers", mode="after")
    @classmethod
    def _lower(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in names)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target."""
        return [(("coalesce",), self.coalesce)]


def plan(spec: CoalesceSpec, subject: Subject) -> Plan:
    """Say whether the request could share a generation."""
    if key_of(subject.request, subject.context, sampled=spec.any) is None:
        why = "shares with nobody: the answer is drawn at random, or is kept under a name of its own"
    else:
        why = f"joins the same request of the same tenant and key if one began less than {spec.window:g} s ago"
    return Plan(order=(spec.coalesce,), why=(why,))


class Coalesce:
    """Keeps one recording for each request under way that others may join.

    A generation's deadline is later than its first request's by the window, so that it holds for those who join;
    whoever limits a request's time does so above this node, for each listener apart.
    """

    def __init__(self, name: str, spec: CoalesceSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._without = frozenset(spec.ignore_headers)
        self._shared: dict[bytes, _Shared] = {}

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the request's own generation, or one under way from its start."""
        key = key_of(request, context, sampled=self._spec.any, without=self._without, of_account=True)
        return self._alone(request, context.enter(self._name)) if key is None else self._listen(key, request, context)

    async def _listen(self, key: bytes, request: Request, context: Context) -> AsyncGenerator[Frame]:
        shared = self._shared.get(key)
        joined = shared is not None and shared.takes(context)
        if shared is None or not joined:
            shared = self._shared[key] = self._begun(request, context)
        shared.join(context)
        self._wiring.meters.coalesced(self._name, "joined" if joined else "first")
        try:
            async with closing(shared.recording.listen()) as frames:
                async for frame in frames:
                    yield shared.retold(frame, context) if joined and frame.head is not None else frame
        finally:
            if self._shared.get(key) is shared and not shared.recording.open:
                del self._shared[key]

    def _begun(self, request: Request, context: Context) -> _Shared:
        until_s = self._wiring.clock() + self._spec.window
        shared = _Shared(replace(context.enter(self._name), deadline_s=context.deadline_s + self._spec.window))
        shared.recording = Recording(
            self._alone(request, shared.context),
            most_bytes=self._spec.memory,
            over=lambda: self._wiring.clock() > until_s,
        )
        return shared

    async def _alone(self, request: Request, entered: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, self._spec.coalesce):
            async with closing(self._wiring.node(self._spec.coalesce)(request, entered)) as frames:
                async for frame in frames:
                    yield frame


class _Shared:
    """A recording, the context that it is generated with, and what those who share it want to hear."""

    __slots__ = ("_choices", "_told", "context", "recording")

    recording: Recording

    def __init__(self, context: Context) -> None:
        self._told: list[Callable[[str, str], None]] = []
        self._choices: list[tuple[str, str]] = []
        self.context = replace(context, chose=self._chose)

    def join(self, context: Context) -> None:
        """Tell whoever made the request which arms its generation takes, and has taken so far."""
        self._told.append(context.chose)
        for node, arm in self._choices:
            context.chose(node, arm)

    def _chose(self, node: str, arm: str) -> None:
        self._choices.append((node, arm))
        for tell in self._told:
            tell(node, arm)

    def takes(self, context: Context) -> bool:
        """Say whether a request may still join, and is not cut short by it."""
        return self.recording.open and context.deadline_s <= self.context.deadline_s

    def retold(self, frame: Frame, context: Context) -> Frame:
        """Return the frame with the head that a request which joined is told."""
        assert frame.head is not None  # noqa: S101 - only heads are retold
        head = retold(frame.head, self.context, context)
        return msgspec.structs.replace(frame, head=head.noting("coalesced", "joined"))


def build(name: str, spec: CoalesceSpec, wiring: Wiring) -> Node:
    """Return the node that lets equal requests share."""
    return Coalesce(name, spec, wiring)


KIND = Kind(spec=CoalesceSpec, build=build, plan=plan)
