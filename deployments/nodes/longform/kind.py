"""longform: a text that is too long to be read at once is summarised in parts, and the question answered from them.

A request whose longest text has at most ``above`` tokens goes to the target as it came. A longer one is split along its
structure; ``summarise`` sums up the parts, and again the summaries, until they fit in one part; they then stand in the
text's place in the client's own request, which the target answers and ``polish``, where there is one, writes anew.
All lengths are estimates (``graph/tokens.py``); what is generated is counted by the engines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from deployments.errors import ContextTooLong, EngineFailed
from deployments.graph.ask import Reply, ask
from deployments.graph.closing import closing
from deployments.graph.disclosure import comment
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.longform.plan import Outline
from deployments.nodes.longform.rounds import BEAT_S, Step, Summarise
from deployments.nodes.longform.source import Source, choices, draft_of, rewritten, source_of
from deployments.nodes.longform.spec import LongformSpec
from deployments.nodes.longform.split import Part
from deployments.nodes.longform.summary import provenance
from deployments.nodes.longform.words import Words, condensed, to_polish, to_summarise
from deployments.nodes.longform.work import Work, planned
from deployments.request import Context, Frame, Head, Request


class Longform:
    """Hands short texts on and condenses long ones."""

    def __init__(self, name: str, spec: LongformSpec, wiring: Wiring) -> None:
        self._name, self._spec, self._wiring = name, spec, wiring

    async def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the target's answer; to a long text, after comments that tell how far the summaries are."""
        branch = context.enter(self._name)
        source = source_of(request)
        if source is None or source.tokens <= self._spec.threshold:
            answer = self._relayed(self._spec.longform, request, branch)
        else:
            answer = self._long(request, branch, source)
        async with aclosing(answer) as frames:
            async for frame in frames:
                yield frame

    async def _long(self, request: Request, branch: Context, source: Source) -> AsyncGenerator[Frame]:
        work = await asyncio.to_thread(Work, self._spec, request, source)
        within = work.within(branch)
        rounds = work.rounds(self._summariser(within, branch, source, work.words))
        head: Head | None = work.head(branch.enter(self._spec.writer))
        async with aclosing(rounds.run()) as steps:
            async for step in steps:
                if request.stream:
                    yield Frame(data=comment({"longform": _progress(step)}), head=head)
                    head = None
        text = condensed(work.words, rounds.summaries, opening=source.opening, closing=source.closing)
        answers = choices(request)
        asked = rewritten(request, source, text, tokens=work.writes(answers + (1 if self._spec.polish else 0)))
        if request.stream:
            yield Frame(data=comment({"longform": work.told(rounds, in_full=False)}))
        if self._spec.polish:
            drafting = asyncio.create_task(self._drafted(asked, branch, work, answers))
            async with aclosing(_beats(drafting)) as beats:
                async for _ in beats:
                    if request.stream:
                        yield Frame(data=comment({"longform": {"drafting": self._spec.longform}}))
            asked = drafting.result()
        async with aclosing(self._relayed(self._spec.writer, asked, within)) as frames:
            async for frame in frames:
                yield work.disclosed(frame, rounds)

    async def _relayed(self, target: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        with self._wiring.edge(self._name, target):
            async with closing(self._wiring.node(target)(request, context)) as frames:
                async for frame in frames:
                    yield frame

    def _summariser(self, within: Context, branch: Context, source: Source, words: Words) -> Summarise:
        target = self._spec.summariser

        async def summarise(text: str, tokens: int, label: str) -> Reply:
            prompt = to_summarise(words, text, question=source.question, tokens=tokens)
            with self._wiring.edge(self._name, target):
                reply = await ask(
                    self._wiring.node(target),
                    prompt,
                    within.fork(label),
                    max_tokens=tokens,
                    clock=self._wiring.clock,
                )
            self._wiring.took(self._name, reply.tokens, branch)
            return reply

        return summarise

    async def _drafted(self, asked: Request, branch: Context, work: Work, answers: int) -> Request:
        """Return the request for the final answer, with a draft by the target in the place of the summaries."""
        pieces: list[str] = []
        tokens = 0
        draft = self._relayed(self._spec.longform, draft_of(asked), work.within(branch).fork("draft"))
        async with aclosing(draft) as frames:
            async for frame in frames:
                pieces.append(frame.text)
                tokens += frame.tokens
        self._wiring.took(self._name, tokens, branch)
        work.budget.took(work.limit, tokens)
        source, text = work.source, "".join(pieces).strip()
        if not text:
            raise EngineFailed(f"{self._spec.longform} wrote no draft for {self._spec.polish} to polish")
        polished = to_polish(work.words, text, opening=source.opening, closing=source.closing)
        return rewritten(asked, source, polished, tokens=work.writes(answers))


async def _beats(task: asyncio.Task[Request]) -> AsyncGenerator[None]:
    """Yield now and then until *task* has ended; closing it ends the task."""
    try:
        while not (await asyncio.wait([task], timeout=BEAT_S))[0]:
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _progress(step: Step) -> dict[str, Any]:
    latest = provenance([step.latest])[0] if step.latest is not None else {}
    latest.pop("of", None)
    return {"done": step.done, "parts": step.planned, "level": step.level, **latest}


def plan(spec: LongformSpec, subject: Subject) -> Plan:
    """Say whether the text is long, and how it would be read."""
    source = source_of(subject.request)
    if source is None or source.tokens <= spec.threshold:
        length = f"about {source.tokens} tokens" if source else "no text"
        return Plan(order=(spec.longform,), why=(f"{length}, not above {spec.threshold}: goes through",))
    others = tuple(name for name in (spec.summariser, spec.writer) if name != spec.longform)
    order = (spec.longform, *dict.fromkeys(others))
    try:
        parts, outline = planned(spec, subject.request, source)
    except ContextTooLong as error:
        return Plan(order=order, why=(f"refused: {error.message}",))
    return Plan(order=order, why=tuple(_reading(spec, source, parts, outline)))


def _reading(spec: LongformSpec, source: Source, parts: list[Part], outline: Outline) -> list[str]:
    polished = f", and {spec.polish} polishes it" if spec.polish else ""
    return [
        f"about {source.tokens} tokens, above {spec.threshold}: {len(parts)} parts of at most {spec.part}",
        f"{spec.summariser} writes {outline.summaries} summaries on {len(outline.levels)} levels, "
        f"of at most {outline.ratio:.3g} of what each sums up",
        f"{spec.longform} answers from the summaries{polished}",
        f"at most {outline.tokens} of {spec.budget} tokens are generated",
    ]


def build(name: str, spec: LongformSpec, wiring: Wiring) -> Node:
    """Return the node that condenses long texts."""
    return Longform(name, spec, wiring)


KIND = Kind(spec=LongformSpec, build=build, plan=plan)
