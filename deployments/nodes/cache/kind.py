"""cache: the same request of the same tenant, or one nearly the same, gets the answer that was given before."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from deployments.answers.kept import Kept, Since
from deployments.answers.labels import labels_of
from deployments.graph.begun import Begun
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.cache.asked import NOT_COUNTED, Asked, asked
from deployments.nodes.cache.heard import Heard
from deployments.nodes.cache.revalidation import Revalidation
from deployments.nodes.cache.spec import CacheSpec
from deployments.nodes.cache.stamps import fresh, renewed, stamps
from deployments.nodes.coalesce.key import key_of
from deployments.request import Context, Frame, Request

if TYPE_CHECKING:  # numpy is for those that compare vectors
    from deployments.nodes.cache.semantic import Question

NOTE, NEARNESS = "cache", "cache-nearness"
# Of what is kept: another number leaves alone what was kept before.
_FORMAT = 1


class Cache:
    """Looks for each request's answer before it hands it on, and has a whole answer kept.

    A key is made of all that the answer depends on: the request, its tenant, and what its target is now, down to the
    checkpoints. What is written down is the first level's at once and the second's soon.
    """

    def __init__(self, name: str, spec: CacheSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring
        self._without = frozenset((*spec.ignore_headers, *NOT_COUNTED))
        self._target = msgspec.json.encode([_FORMAT, name, wiring.identity(spec.cache)])
        self._revalidation = Revalidation(name, wiring, self._kept_anew)
        self._semantic = None
        if spec.semantic is not None:
            from deployments.nodes.cache.semantic import Semantic  # noqa: PLC0415

            self._semantic = Semantic(name, spec, spec.semantic, wiring, target=self._target, without=self._without)

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer that is kept, or the target's."""
        return Begun(partial(self._begun, request, context))

    async def _begun(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        told = asked(context)
        key = self._key(request, context) if told.keep else None
        now_s = context.now.timestamp()
        if key is not None and told.find and (found := await self._wiring.answers.find(key, now_s)) is not None:
            outcome = "hit" if now_s < found.fresh_until_s else "stale"
            if outcome == "stale":
                self._revalidation.start(key, request, context, told)
            return self._given(found, context, {NOTE: outcome})
        question = None
        if self._semantic is not None and key is not None and told.near:
            question = await self._semantic.asked(request, context)
            near = await self._semantic.find(question, now_s) if question is not None else None
            if near is not None:
                return self._given(near[1], context, {NOTE: "semantic", NEARNESS: f"{near[0].cosine:.3f}"})
        outcome = "bypass" if key is None or not told.find else "miss"
        self._wiring.meters.cached(self._name, outcome)
        return self._generated(key, request, context, told, question, outcome)

    async def _given(self, kept: Kept, context: Context, notes: Mapping[str, str]) -> AsyncGenerator[Frame]:
        """Yield a kept answer as the answer to this request."""
        self._wiring.meters.cached(self._name, notes[NOTE])
        for node, arm in kept.arms:
            context.chose(node, arm)
        path = (*context.path, *kept.head.path)
        notes, crossed = {**kept.head.notes, **notes}, len(context.path) + 1
        head = msgspec.structs.replace(kept.head, path=path, notes=notes, crossed=crossed)
        anew = fresh(kept.stamps, kept.call_id, context)
        for at, frame in enumerate(kept.frames):
            given = renewed(frame, kept.stamps, anew)
            yield given if at else msgspec.structs.replace(given, head=head)

    def _key(self, request: Request, context: Context) -> bytes | None:
        key = key_of(request, context, sampled=self._spec.any, without=self._without)
        return None if key is None else hashlib.blake2b(key + self._target, digest_size=32).digest()

    async def _generated(
        self, key: bytes | None, request: Request, context: Context, told: Asked, question: Question | None = None,
        outcome: str = "",
    ) -> AsyncGenerator[Frame]:  # fmt: skip
        since, heard = self._wiring.answers.now, Heard(self._spec.largest, len(context.path))

        def chose(node: str, arm: str) -> None:
            heard.arms.append((node, arm))
            context.chose(node, arm)

        entered = replace(context, path=(*context.path, self._name), chose=chose)
        with self._wiring.edge(self._name, self._spec.cache):
            async with closing(self._wiring.node(self._spec.cache)(request, entered)) as frames:
                async for frame in frames:
                    if key is not None:
                        heard.take(frame)
                    yield _noted(frame, outcome)
        if key is not None and heard.unfit(request.endpoint) is None:
            kept = self._kept(heard, since, context, told)
            held = self._wiring.answers.keep(key, kept)
            if held and self._semantic is not None and question is not None:
                self._semantic.keep(key, question, kept)

    def _kept(self, heard: Heard, since: Since, context: Context, told: Asked) -> Kept:
        head, pieces = heard.told(), tuple(heard.pieces())
        until_s = context.now.timestamp() + self._spec.ttl
        return Kept(
            head=head,
            frames=pieces,
            fresh_until_s=until_s,
            until_s=until_s + self._spec.stale,
            since=since,
            labels=labels_of(model=head.model, tenant=context.tenant, tags=(*self._spec.tags, *told.tags)),
            call_id=context.call_id,
            stamps=stamps(pieces[0].data),
            arms=tuple(heard.arms),
        )

    async def _kept_anew(self, key: bytes, request: Request, context: Context, told: Asked) -> int:
        """Have the answer made again and kept; return how many tokens it took, which no client sees."""
        tokens = 0
        async with aclosing(self._generated(key, request, context, told)) as frames:
            async for frame in frames:
                tokens += frame.tokens
        return tokens


def _noted(frame: Frame, outcome: str) -> Frame:
    return (
        frame
        if frame.head is None or not outcome
        else msgspec.structs.replace(frame, head=frame.head.noting(NOTE, outcome))
    )


def plan(spec: CacheSpec, subject: Subject) -> Plan:
    """Say whether the request's answer could be kept."""
    if key_of(subject.request, subject.context, sampled=spec.any) is None:
        why = "is answered anew each time: the answer is drawn at random, or is kept under a name of its own"
    else:
        near = "" if spec.semantic is None else f", or to one that {spec.semantic.model} finds nearly the same,"
        same = f"gets the answer that the same tenant got to the same request{near}"
        why = f"{same} within the last {spec.ttl:g} s, if any"
    return Plan(order=(spec.cache,), why=(why,))


def build(name: str, spec: CacheSpec, wiring: Wiring) -> Node:
    """Return the node that gives answers again."""
    return Cache(name, spec, wiring)


KIND = Kind(spec=CacheSpec, build=build, plan=plan)
