"""Let a further target go on with an answer that broke off, and tell the client in the stream."""

from __future__ import annotations

from dataclasses import replace

from deployments.errors import ServingError, TimedOut
from deployments.graph.disclosure import comment
from deployments.graph.emitted import Emitted
from deployments.request import Frame, Request


class Continuation:
    """Follows one answer over all targets that write at it.

    The disclosure is a comment of the event stream (WHATWG HTML, 9.2.6), which clients skip:
    ``: tercet {"resumed": {"by": …, "from": …, "because": …, "after_tokens": …}}``.
    """

    def __init__(self, request: Request) -> None:
        self._asked = replace(request, traced=True)
        self._emitted = Emitted(request.resume)
        self._model = self._wrote = ""
        self._begun = False
        self._broken: ServingError | None = None

    @property
    def whole(self) -> bool:
        """Say whether the client has all of the answer."""
        return self._emitted.finished

    def request(self) -> Request:
        """Return what to ask the next target for."""
        return replace(self._asked, resume=self._emitted.resume()) if self._begun else self._asked

    def broke(self, error: ServingError) -> ServingError | None:
        """Note why a target does not go on; return why the answer ends if nobody does, None where none has begun.

        That is what broke it off, not why others could not take over, unless it ran out of time meanwhile.
        """
        if not self._begun:
            return None
        self._broken = self._broken or error
        return error if isinstance(error, TimedOut) else self._broken

    def saw(self, frame: Frame) -> Frame | None:
        """Take note of a frame; return what is to be disclosed before it, where somebody else begins to write."""
        self._model = frame.head.model if frame.head is not None else self._model
        disclosure = None
        if frame.data:
            if self._broken is not None:
                disclosure = _disclosure(self._model, self._wrote, self._broken.code, self._emitted.tokens)
            self._begun, self._broken, self._wrote = True, None, self._model
        self._emitted.saw(frame)
        return disclosure


def _disclosure(by: str, wrote: str, code: str, tokens: int) -> Frame:
    told = {"resumed": {"by": by, "from": wrote, "because": code, "after_tokens": tokens}}
    return Frame(data=comment(told))
