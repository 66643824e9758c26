"""What one request that was let in uses of its tenant's share, counted as its answer comes."""

from __future__ import annotations

from dataclasses import replace

from deployments.fair_share import work_of
from deployments.nodes.admission.queue import AdmissionQueue
from deployments.nodes.admission.ticket import Ticket
from deployments.nodes.model import prompt_size
from deployments.request import Context, Frame, Head, Request

_KEPT = frozenset({"hit", "stale"})


class Turn:
    """Charges *ticket* in *queue* for each token, also for those that no client sees.

    The prompt is charged as it was estimated when the request was let in, and put right when an engine tells its size.
    """

    def __init__(self, queue: AdmissionQueue, ticket: Ticket) -> None:
        self._queue, self._ticket = queue, ticket
        self._prompt = ticket.work
        self._made = True

    def told(self, context: Context) -> Context:
        """Return the context in which tokens that are not given away are charged too."""

        def unseen(tokens: int) -> None:
            self._charge(work_of(generated=tokens))
            context.unseen(tokens)

        return replace(context, unseen=unseen)

    def saw(self, frame: Frame) -> None:
        """Take note of a part of the answer; one that was kept, or that others pay for, is no work."""
        if frame.head is not None:
            self._made = not _was_there(frame.head)
        if not self._made:
            work, self._prompt = -self._prompt, 0.0
        else:
            work = work_of(generated=frame.tokens)
            if frame.prompt_tokens is not None:
                actual = work_of(prompt=frame.prompt_tokens)
                work, self._prompt = work + actual - self._prompt, actual
        if work:
            self._charge(work)

    def _charge(self, work: float) -> None:
        self._queue.charge(self._ticket, work)


def _was_there(head: Head) -> bool:
    return head.notes.get("cache") in _KEPT or head.notes.get("coalesced") == "joined"


def least_work(request: Request) -> float:
    """Return the work of reading the prompt, about."""
    return work_of(prompt=prompt_size(request))
