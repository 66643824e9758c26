"""An answer whose text is changed and which is therefore rendered anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as replaced

from deployments.errors import EngineFailed, Invalid
from deployments.graph.disclosure import answers, comments_in, field_of
from deployments.graph.speaking import Speaker
from deployments.graph.subject import Subject
from deployments.nodes.transform.spec import TransformSpec, rules
from deployments.nodes.transform.text import Rules
from deployments.request import Context, Frame, Request

# What an answer that is rendered anew would lose, and the values with which nothing is lost.
_LOST: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "tools": ([],),
    "functions": ([],),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "prompt_logprobs": (),
    "echo": (False,),
    "return_token_ids": (False,),
    "background": (False,),
}


class Anew:
    """One answer that is rendered anew.

    A further head begins it again, since the branch before was given up; once some of the answer has come, it is that
    of another model which goes on with it, under the name of the first.
    """

    def __init__(self, spec: TransformSpec, request: Request, context: Context, subject: Subject) -> None:
        self._spec, self._request, self._context, self._subject = spec, request, context, subject
        self._begin("")
        self._answered = False

    @property
    def over(self) -> bool:
        """Say whether the rest of the answer is not wanted; whole answers are read to their end, which tells usage."""
        return self._rules.over and self._request.stream

    def changed(self, frame: Frame) -> Frame | None:
        """Return what goes out for *frame*, None where there is nothing yet."""
        if frame.head is not None and not self._answered:
            self._begin(frame.head.model)
        self._read(frame)
        text = self._rules.feed(frame.text)
        said = self._speaker.say(text, tokens=self._take_tokens() if text else 0)
        # Nodes that hold answers, and pools that replaced a replica, put comments and text into one frame.
        data = comments_in(frame.data) + said.data if self._request.stream else b""
        if not data and frame.head is None:
            return None
        return replaced(said, data=data, head=frame.head, **(self._take_scores() if said.data else {}))

    def end(self) -> Frame:
        """Return what ends the answer; raises EngineFailed where there was none."""
        if not self._answered:
            raise EngineFailed(f"{self._spec.transform} ended without an answer")
        # An engine that was stopped early has not told how long the prompt was.
        told = self._subject.prompt_tokens if self._prompt_tokens is None else self._prompt_tokens
        last = self._speaker.end(
            self._rules.end(),
            tokens=self._take_tokens(),
            prompt_tokens=told,
            finish_reason="stop" if self._rules.over else self._finish_reason,
            told=self._told,
        )
        return replaced(last, **self._take_scores())

    def _begin(self, model: str) -> None:
        self._rules = Rules(rules(self._spec))
        self._speaker = Speaker(self._request, self._context, model=model, prompt_tokens=self._subject.prompt_tokens)
        self._tokens = 0
        self._logprob: float = 0
        self._margin: float = 0
        self._prompt_tokens: int | None = None
        self._finish_reason = "stop"
        self._told: dict[str, Any] = {}

    def _read(self, frame: Frame) -> None:
        # Bytes that nobody could read as an answer are none.
        self._answered = self._answered or answers(frame)
        self._tokens += frame.tokens
        self._logprob += frame.logprob
        self._margin += frame.margin
        self._prompt_tokens = frame.prompt_tokens if frame.prompt_tokens is not None else self._prompt_tokens
        self._finish_reason = frame.finish_reason or self._finish_reason
        if frame.data and not self._request.stream:
            self._told = field_of(frame.data)

    def _take_tokens(self) -> int:
        tokens, self._tokens = self._tokens, 0
        return tokens

    def _take_scores(self) -> dict[str, float]:
        scores = {"logprob": self._logprob, "margin": self._margin}
        self._logprob = self._margin = 0
        return scores


def plain(request: Request, name: str) -> Request:
    """Return *request* for an answer that is nothing but text; raises Invalid where the client asks for more."""
    for field, harmless in _LOST.items():
        value = request.body.get(field)
        if value is not None and value not in harmless and not _unused_tools(request, field):
            raise Invalid(f"{field}: is not possible here, since {name} changes the text of answers", param=field)
    prompts = request.body.get("prompt")
    if isinstance(prompts, list) and len(prompts) > 1 and not all(isinstance(one, int) for one in prompts):
        raise Invalid(f"prompt: holds {len(prompts)} prompts; {name} takes one at a time", param="prompt")
    # What is kept by the engine would be found as it was before the change.
    stored = {"store": False} if request.endpoint == "responses" else {}
    return replace(request, body={**request.body, **stored})


def _unused_tools(request: Request, field: str) -> bool:
    return field == "tools" and request.body.get("tool_choice") in ("none", {"type": "none"})
