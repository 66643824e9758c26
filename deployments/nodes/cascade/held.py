"""The part of an answer that waits for a judgement, and what is known of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from deployments.errors import EngineFailed
from deployments.request import Frame, Head, Request

_TEXTS = frozenset({"chat", "completion", "responses", "messages"})
_CALLS = frozenset({"tool_calls", "function_call"})


class Window(NamedTuple):
    """The first tokens of an answer: how many, and the sums over them."""

    tokens: int
    logprob: float
    margin: float

    @property
    def told(self) -> bool:
        """Say whether the engine told how likely the tokens were: margins of exactly 0 throughout are not real."""
        return self.tokens > 0 and (self.logprob != 0.0 or self.margin != 0.0)


def unjudgeable(request: Request) -> str | None:
    """Say why there is no one answer of *request* to judge, None where there is."""
    if request.endpoint not in _TEXTS:
        return "asks for no text"
    if _several(request):
        return "asks for several answers"
    if request.endpoint == "responses" and request.body.get("background"):
        return "is answered later"
    return "goes on with an answer" if request.resume is not None else None


def _several(request: Request) -> bool:
    """Say whether one answer is not all; elsewhere a field of the same name means nothing and may hold anything."""
    if request.endpoint not in ("chat", "completion"):
        return False
    n, prompt = request.body.get("n"), request.body.get("prompt") if request.endpoint == "completion" else None
    prompts = isinstance(prompt, list) and any(not isinstance(one, int) for one in prompt[1:])
    return prompts or (isinstance(n, int) and n > 1)


class Held:
    """Frames of one answer that nobody has seen; ``ended`` once there are no more.

    ``logprob`` and ``margin`` are sums over all tokens, which an engine that does not tell leaves at 0. ``window`` is
    what they were when the first *after* tokens were there, or at the end of a shorter answer.
    """

    __slots__ = ("_after", "_frames", "ended", "finish_reason", "head", "logprob", "margin", "text", "tokens", "window")

    def __init__(self, after: int = 1) -> None:
        self._after = after
        self._frames: list[Frame] = []
        self.window: Window | None = None
        self.head: Head | None = None
        self.text = ""
        self.tokens = 0
        self.logprob = self.margin = 0.0
        self.finish_reason: str | None = None
        self.ended = False

    def take(self, frame: Frame) -> None:
        """Hold one more frame; a later head is that of another branch below, which has begun anew."""
        self._frames.append(frame)
        self.head = frame.head or self.head
        self.text += frame.text
        self.tokens += frame.tokens
        self.logprob += frame.logprob
        self.margin += frame.margin
        self.finish_reason = frame.finish_reason or self.finish_reason
        # A frame without data counts tokens whose probabilities come with the answer.
        if frame.data and self.tokens >= self._after:
            self._close_window()

    @property
    def calls_tools(self) -> bool:
        """Say whether what the answer says is, for all that is known so far, not its text."""
        return self.finish_reason in _CALLS

    def end(self, target: str) -> None:
        """Note that the answer is whole; raises EngineFailed where there is none."""
        self.ended = True
        self._close_window()
        # Bytes that nobody could read as an answer are none.
        if not (self.text or self.tokens or self.finish_reason):
            raise EngineFailed(f"{target} ended without an answer")

    def released(self, notes: Mapping[str, str]) -> Frame:
        """Return everything in one frame, with *notes* in its head."""
        frames = self._frames
        reported = (frame.prompt_tokens for frame in reversed(frames) if frame.prompt_tokens is not None)
        return Frame(
            data=b"".join(frame.data for frame in frames),
            text=self.text,
            tokens=self.tokens,
            prompt_tokens=next(reported, None),
            finish_reason=self.finish_reason,
            head=None if self.head is None else noted(self.head, notes),
            ids=tuple(token for frame in frames for token in frame.ids),
            logprob=self.logprob,
            margin=self.margin,
        )

    def _close_window(self) -> None:
        if self.window is None:
            self.window = Window(self.tokens, self.logprob, self.margin)


def noted(head: Head, notes: Mapping[str, str]) -> Head:
    """Return *head* with *notes*, each before what a node below has noted under the same name."""
    for name, text in notes.items():
        below = head.notes.get(name)
        head = head.noting(name, text if below is None else f"{text} > {below}")
    return head
