"""Carry an outline out: ask for the summaries of each round, a few at a time, and keep to the budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from deployments.errors import ContextTooLong, DeadlineExceeded, EngineFailed, Invalid, Rejected, ServingError
from deployments.graph.ask import Reply
from deployments.graph.tokens import estimate_tokens
from deployments.nodes.longform.budget import Budget
from deployments.nodes.longform.plan import Level, Outline
from deployments.nodes.longform.split import LEAST_LIMIT, Part, split
from deployments.nodes.longform.summary import Summary

# How long a connection may be silent, so that no proxy on the way takes it for dead.
BEAT_S = 10.0
RETRY_AFTER_S = 1.0
MOST_RETRY_AFTER_S = 5.0
HALVINGS = 3
NOTHING_SAID = "nothing_said"
OVER_BUDGET = "over_budget"

# Asks for a summary of a text in at most so many tokens; the label is unique among the calls for the request.
Summarise = Callable[[str, int, str], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the summaries have come; ``latest`` is the one that was just made, None where nothing happened.

    On level 1 the source is read, above it summaries are.
    """

    level: int
    done: int
    planned: int
    latest: Summary | None = None


@dataclass(slots=True, kw_only=True)
class Rounds:
    """One long text on its way to a few summaries, which are in ``summaries`` when ``run`` has ended.

    ``room`` is how many tokens of summaries the one who answers reads.
    """

    parts: Sequence[Part]
    outline: Outline
    budget: Budget
    summarise: Summarise
    parallel: int
    room: int
    require_all: bool = False
    summaries: tuple[Summary, ...] = ()
    done: int = 0

    async def run(self) -> AsyncGenerator[Step]:
        """Yield after each summary, and now and then between them; closing it ends every call."""
        read = tuple(Summary(start=part.start, end=part.end, text=part.text) for part in self.parts)
        planned = self.outline.summaries
        for depth, level in enumerate(self.outline.levels):
            if depth and sum(estimate_tokens(one.text) for one in read) <= self.room:
                planned -= len(level.groups)
                self.budget.saves(sum(level.caps))
                continue
            made: list[Summary | None] = [None] * len(level.groups)
            async with aclosing(self._level(depth, level, read, made)) as latest:
                async for one in latest:
                    yield Step(level=depth + 1, done=self.done, planned=planned, latest=one)
            read = tuple(one for one in made if one is not None)
        if all(one.lost for one in read):
            raise EngineFailed(f"none of {len(self.parts)} parts could be summarised: {read[0].lost}")
        self.summaries = read

    async def _level(
        self, depth: int, level: Level, read: Sequence[Summary], made: list[Summary | None]
    ) -> AsyncGenerator[Summary | None]:
        waiting = list(enumerate(zip(level.groups, level.caps, strict=True)))[::-1]
        running: dict[asyncio.Task[Summary], int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.parallel:
                    at, (group, cap) = waiting.pop()
                    work = self._one(f"longform{depth}.{at}", read[group.start : group.stop], cap, whole=depth == 0)
                    running[asyncio.create_task(work)] = at
                ended, _ = await asyncio.wait(running, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
                if not ended:
                    yield None
                for task in ended:
                    made[running.pop(task)] = latest = task.result()
                    self.done += 1
                    yield latest
        finally:
            for task in running:
                task.cancel()
            # Nothing that they raise by now is anybody's business.
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, label: str, read: Sequence[Summary], cap: int, *, whole: bool) -> Summary:
        start, end, of = read[0].start, read[-1].end, () if whole else tuple(read)
        text = "\n\n".join(one.text for one in read if one.text)
        if not text.strip():
            self.budget.saves(cap)
            return Summary(start=start, end=end, lost=next((one.lost for one in read if one.lost), ""), of=of)
        if self.budget.lacking:
            return self._spared(Summary(start=start, end=end, lost=OVER_BUDGET, of=of), cap)
        try:
            said = await self._twice(label, text, cap)
        except ServingError as error:
            if self.require_all or _fatal(error):
                raise
            return Summary(start=start, end=end, lost=error.code, of=of)
        return Summary(start=start, end=end, text=said, lost="" if said else NOTHING_SAID, of=of)

    def _spared(self, part: Summary, cap: int) -> Summary:
        """Do without a summary, to pay for what calls took beside their answers."""
        if self.require_all:
            raise ContextTooLong("the budget does not suffice for every part; send less text")
        self.budget.saves(cap)
        return part

    async def _twice(self, label: str, text: str, cap: int) -> str:
        try:
            return await self._fitting(label, text, cap)
        except ServingError as error:
            if _fatal(error) or isinstance(error, ContextTooLong) or not self.budget.grants(cap):
                raise
            await asyncio.sleep(min(MOST_RETRY_AFTER_S, error.retry_after_s or RETRY_AFTER_S))
        return await self._fitting(f"{label}.again", text, cap)

    async def _fitting(self, label: str, text: str, cap: int, halvings: int = HALVINGS) -> str:
        """Summarise in pieces what does not fit the model: an estimate of its tokens can be wrong."""
        try:
            return await self._asked(label, text, cap)
        except ContextTooLong:
            limit = max(LEAST_LIMIT, estimate_tokens(text) * 2 // 3)
            pieces = await asyncio.to_thread(split, text, limit)
            share = cap // len(pieces)
            if not halvings or len(pieces) == 1 or not share:
                raise
            said = []
            for at, piece in enumerate(pieces):
                if not self.budget.grants(share):
                    raise
                said.append(await self._fitting(f"{label}.{at}", piece.text, share, halvings - 1))
            return "\n".join(said)

    async def _asked(self, label: str, text: str, granted: int) -> str:
        try:
            reply = await self.summarise(text, granted, label)
        except (Rejected, ContextTooLong):
            # Who was turned away has taken nothing; who broke later may have taken all that was granted.
            self.budget.saves(granted)
            raise
        self.budget.took(granted, reply.tokens)
        return reply.text.strip()


def _fatal(error: ServingError) -> bool:
    """Say whether no other part can do better."""
    wrong = isinstance(error, Invalid) and not isinstance(error, ContextTooLong)
    return wrong or isinstance(error, DeadlineExceeded)
