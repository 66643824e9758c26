"""One long text under way: its parts, the plan for them, and what the client is told about them."""

from __future__ import annotations

from dataclasses import replace as in_context
from typing import Any

from msgspec.structs import replace

from deployments.errors import ContextTooLong
from deployments.graph.disclosure import with_field
from deployments.nodes.longform.budget import Budget
from deployments.nodes.longform.plan import Outline, least, outline
from deployments.nodes.longform.rounds import Rounds, Summarise
from deployments.nodes.longform.source import Source, choices, limit_of
from deployments.nodes.longform.spec import LongformSpec
from deployments.nodes.longform.split import Part, split
from deployments.nodes.longform.summary import left_out, provenance
from deployments.nodes.longform.words import words_for
from deployments.request import Context, Frame, Head, Request


class Work:
    """One long text with the plan for it, and what the client is told; raises ContextTooLong where there is none.

    To make one takes up to seconds of computing: do it in a thread.
    """

    def __init__(self, spec: LongformSpec, request: Request, source: Source) -> None:
        self._spec = spec
        self._streamed = request.stream
        self.source = source
        self.limit = limit_of(request, spec.answer)
        self.parts, self.outline = planned(spec, request, source)
        self.budget = Budget(spec.budget, planned=self.outline.tokens)
        self.words = words_for(source.said.text)

    def rounds(self, summarise: Summarise) -> Rounds:
        """Return the summaries to be made."""
        spec = self._spec
        return Rounds(
            parts=self.parts,
            outline=self.outline,
            budget=self.budget,
            summarise=summarise,
            parallel=spec.parallel,
            room=spec.part,
            require_all=spec.require_all,
        )

    def within(self, context: Context) -> Context:
        """Return the context of calls whose unseen tokens are the budget's, and still told to whoever asks above."""

        def unseen(tokens: int) -> None:
            self.budget.took_unseen(tokens)
            context.unseen(tokens)

        return in_context(context, unseen=unseen)

    def writes(self, answers: int) -> int:
        """Return the most tokens of each of so many *answers* to be written; raises ContextTooLong where none is left.

        It is the limit, less what calls took beside their answers and no summary was left to be spared for.
        """
        limit = self.limit - -(-self.budget.lacking // answers)
        if limit < 1:
            field = str(self.source.said.place[0])
            raise ContextTooLong(
                f"{field}: summarising took more than the budget of {self._spec.budget} tokens; send less text",
                param=field,
            )
        return limit

    def head(self, context: Context) -> Head:
        """Return what is known of the answer before it begins."""
        return self._noting(Head(model=self._spec.writer, path=context.path))

    def told(self, rounds: Rounds, *, in_full: bool) -> dict[str, Any]:
        """Tell what the answer is made from: of each numbered note its bytes of the source, or all of it."""
        lost = [{"span": [one.start, one.end], "reason": one.lost} for one in left_out(rounds.summaries)]
        spans = [[one.start, one.end] for one in rounds.summaries]
        notes = {"notes": provenance(rounds.summaries)} if in_full else {"spans": spans}
        spent = {"spent": rounds.budget.spent, "budget": self._spec.budget}
        return {"parts": len(self.parts), **notes, "left_out": lost, **spent}

    def disclosed(self, frame: Frame, rounds: Rounds) -> Frame:
        """Return the frame of an answer with a note in its head, and with the provenance where it is whole."""
        lost = len(list(left_out(rounds.summaries)))
        noted = frame if frame.head is None else replace(frame, head=self._noting(frame.head, lost))
        if self._streamed or not frame.data:
            return noted
        return replace(noted, data=with_field(frame.data, {"longform": self.told(rounds, in_full=True)}))

    def _noting(self, head: Head, lost: int = 0) -> Head:
        told = f"parts={len(self.parts)} levels={len(self.outline.levels)} tokens={self.source.tokens}"
        return head.noting("longform", f"{told} budget={self._spec.budget}" + (f" left_out={lost}" if lost else ""))


def planned(spec: LongformSpec, request: Request, source: Source) -> tuple[list[Part], Outline]:
    """Return the parts of the source and the plan for them; raises ContextTooLong where the budget allows none."""
    field = str(source.said.place[0])
    if source.beside > spec.threshold:
        raise ContextTooLong(
            f"{field}: beside its longest text there are about {source.beside} tokens, and only one text is condensed; "
            f"send at most {spec.threshold}",
            param=field,
        )
    writing = limit_of(request, spec.answer) * (choices(request) + (1 if spec.polish else 0))
    parts: list[Part] = []
    laid_out: Outline | None = None
    # What no way of splitting could fit is not split.
    if least(source.tokens, room=spec.part) <= spec.budget - writing:
        parts = split(source.said.text, spec.part)
        laid_out = outline(
            [part.tokens for part in parts],
            room=spec.part,
            ratio=spec.summary_ratio,
            budget=spec.budget,
            writing=writing,
        )
    if laid_out is None:
        raise ContextTooLong(
            f"{field}: about {source.tokens} tokens cannot be summarised within a budget of {spec.budget}, of which "
            f"{writing} are for the answer; send less text",
            param=field,
        )
    return parts, laid_out
