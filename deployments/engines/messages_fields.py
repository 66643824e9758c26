"""Read what nodes look at out of Anthropic's messages, whole or as a stream of named events."""

from __future__ import annotations

import msgspec

from deployments.engines.wire_fields import Fields, WireError

_DATA = b"\ndata: "
_DELTA = b"event: content_block_delta"
_STOPPED = b"event: message_delta"
_DONE = b"event: message_stop"
_ERROR = b"event: error"
_OPENING = b"event: message_start", b"event: content_block_start", b"event: ping"
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class _Delta(msgspec.Struct):
    text: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Block(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block] = []
    stop_reason: str | None = None


class _Failed(msgspec.Struct):
    error: WireError = msgspec.field(default_factory=WireError)


_event = msgspec.json.Decoder(_Event)
_failed = msgspec.json.Decoder(_Failed)
_message = msgspec.json.Decoder(_Message)
_NEITHER, _OPENS, _ENDS = Fields(), Fields(opening=True), Fields(closing=True, done=True)


def of_event(event: bytes) -> Fields:
    """Read one event; only those with text, the stop reason and errors are decoded."""
    kind, _, data = event.partition(_DATA)
    if kind == _DELTA:
        return Fields(text=_event.decode(data).delta.text or "")
    if kind in _OPENING:
        return _OPENS
    if kind == _STOPPED:
        return Fields(finish_reason=_finish(_event.decode(data).delta.stop_reason))
    if kind == _DONE:
        return _ENDS
    if kind == _ERROR:
        return Fields(error=_failed.decode(data).error)
    return _NEITHER


def of_body(body: bytes) -> Fields:
    """Read a whole message."""
    message = _message.decode(body)
    text = "".join(block.text or "" for block in message.content)
    return Fields(text=text, finish_reason=_finish(message.stop_reason))


def _finish(reason: str | None) -> str | None:
    return _FINISH.get(reason or "", reason)
