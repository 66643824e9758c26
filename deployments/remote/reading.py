"""From the chunks of a remote model's stream to frames."""

from __future__ import annotations

import msgspec

from deployments.errors import EngineFailed
from deployments.remote.asking import wants_usage
from deployments.remote.events import Events, payload
from deployments.remote.failures import broken
from deployments.remote.fields import Said, of_message, of_payload
from deployments.remote.naming import Renaming
from deployments.remote.unasked import strip
from deployments.request import Frame, Request

_HELD_BYTES = 64 * 1024


class StreamReader:
    """Turns one stream into frames, one for the events of each chunk.

    Bytes pass as they came but for the model's name and for what only a node asked for. What comes before the first
    token is held until there is one, and comments until there is data: data commits a fallback to this branch, and
    neither shows that the model is at work.
    """

    def __init__(self, name: str, request: Request, key: str | None) -> None:
        self._name, self._request, self._key = name, request, key
        self._events, self._renamed = Events(), Renaming(name)
        self._wants_usage = wants_usage(request)
        self._held = b""
        self._counted = 0
        self._prompt: int | None = None
        self.finished = self.done = False

    def feed(self, chunk: bytes) -> Frame | None:
        """Return the frame of what *chunk* completes, None where there is nothing to pass on yet."""
        said: list[Said] = []
        data = self._held
        for event in self._events.feed(chunk):
            if content := payload(event):
                said.append(one := self._read(event, content))
                data += self._passed_on(event, content, one)
            else:
                data += event
        frame = self._frame(data, said)
        if said and (self._counted or self.finished or self.done):
            self._held = b""
            return frame
        if len(data) > _HELD_BYTES:
            raise EngineFailed(f"{self._name}: the stream says much and answers nothing")
        self._held = data
        return None

    def _read(self, event: bytes, content: bytes) -> Said:
        try:
            said = of_message(event, content) if self._request.endpoint == "messages" else of_payload(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise EngineFailed(f"{self._name}: the stream holds what is no answer: {str(error)[:200]}") from None
        if said.error is not None:
            raise broken(self._name, said.error, said.code, self._key)
        return said

    def _passed_on(self, event: bytes, content: bytes, said: Said) -> bytes:
        if said.bare and not self._wants_usage:
            return b""
        if self._request.judged and not said.done and self._request.endpoint != "messages":
            event = b"data: " + strip(content, self._request) + b"\n\n"
        return self._renamed(event)

    def _frame(self, data: bytes, said: list[Said]) -> Frame:
        tokens = sum(one.tokens for one in said)
        self._counted += tokens
        self.done = self.done or any(one.done for one in said)
        finish = next((one.finish_reason for one in said if one.finish_reason), None)
        self.finished = self.finished or finish is not None
        self._prompt = next((one.prompt for one in said if one.prompt is not None), self._prompt)
        reported = next((one.completion for one in reversed(said) if one.completion is not None), None)
        # An event may hold several tokens; the usage knows.
        if reported is not None and reported > self._counted:
            tokens, self._counted = tokens + reported - self._counted, reported
        return Frame(
            data=data,
            text="".join(one.text for one in said),
            tokens=tokens,
            prompt_tokens=self._prompt if reported is not None else None,
            finish_reason=finish,
            logprob=sum(one.logprob for one in said),
            margin=sum(one.margin for one in said),
        )
