"""Read what nodes look at out of OpenAI's responses, whole or as a stream of named events."""

from __future__ import annotations

import msgspec

from deployments.engines.wire_fields import Fields, WireError

_DATA = b"\ndata: "
_DELTA = b"event: response.output_text.delta"
_END = b"event: response.completed", b"event: response.incomplete", b"event: response.failed"
_ERROR = b"event: error"
_OPENING = (
    b"event: response.created",
    b"event: response.queued",
    b"event: response.in_progress",
    b"event: response.output_item.added",
    b"event: response.content_part.added",
)
_FINISH = {"completed": "stop", "incomplete": "length", "cancelled": "abort"}


class _Delta(msgspec.Struct):
    delta: str = ""


class _Content(msgspec.Struct):
    text: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Content] | None = None


class _Response(msgspec.Struct):
    status: str = ""
    output: list[_Item] = []


class _Status(msgspec.Struct):
    status: str = ""


class _Ended(msgspec.Struct):
    response: _Status = msgspec.field(default_factory=_Status)


_delta = msgspec.json.Decoder(_Delta)
_ended = msgspec.json.Decoder(_Ended)
_error = msgspec.json.Decoder(WireError)
_response = msgspec.json.Decoder(_Response)
_NEITHER, _OPENS = Fields(), Fields(opening=True)


def of_event(event: bytes) -> Fields:
    """Read one event; only those with text, the last one and errors are decoded."""
    kind, _, data = event.partition(_DATA)
    if kind == _DELTA:
        return Fields(text=_delta.decode(data).delta)
    if kind in _OPENING:
        return _OPENS
    if kind in _END:
        return Fields(finish_reason=_FINISH.get(_ended.decode(data).response.status), closing=True, done=True)
    if kind == _ERROR:
        return Fields(error=_error.decode(data))
    return _NEITHER


def of_body(body: bytes) -> Fields:
    """Read a whole response."""
    response = _response.decode(body)
    said = (part.text or "" for item in response.output if item.type == "message" for part in item.content or ())
    return Fields(text="".join(said), finish_reason=_FINISH.get(response.status))
