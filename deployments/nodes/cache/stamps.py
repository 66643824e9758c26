"""What is written anew into an answer that is given again: its id and when it was made."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import msgspec

from deployments.answers.kept import Stamp
from deployments.request import Context, Frame

# Quotes inside JSON's strings are escaped, so these bytes can only be a key and its value.
_ID = re.compile(rb'("id"\s*:\s*)("(?:[^"\\]|\\.)*")')
_MADE = re.compile(rb'("(?:created|created_at)"\s*:\s*)(\d{1,12})(?=[\s,}])')
_DATA = b"data:"
_NAMES = (b'"id"', b'"created')
_ENDS = (b",", b"}")
_BETWEEN = b"\n\n"
_EVENT = (_DATA, b"event:")
_PREFIX = re.compile(r"[A-Za-z]{1,16}[-_]", re.ASCII)


class _Named(msgspec.Struct):
    id: str | None = None
    created: int | None = None
    created_at: int | None = None


class _Answer(_Named):
    message: _Named | None = None
    response: _Named | None = None


_answer = msgspec.json.Decoder(_Answer)


def stamps(first: bytes) -> tuple[Stamp, ...]:
    """Return what there is to write anew, as *first*, a whole body or the first events of a stream, says it.

    Of an answer that says nothing of the kind, such as vectors without an id, nothing is.
    """
    if not first.startswith(_EVENT):
        return _stamps(first)
    # Most often each event of a stream says what the first one does, and no more of the kind.
    begun, _, rest = first.partition(_BETWEEN)
    found = _stamps(begun)
    return found if _says_no_more(rest, found) else _stamps(first)


def _says_no_more(rest: bytes, found: tuple[Stamp, ...]) -> bool:
    for stamp in found:
        for end in _ENDS:
            rest = rest.replace(stamp.was + end, b"")
    return not any(name in rest for name in _NAMES)


def _stamps(first: bytes) -> tuple[Stamp, ...]:
    said_by: dict[bytes, str | int] = {}
    for named in _named(first):
        if named.id is not None:
            said_by[msgspec.json.encode(named.id)] = named.id
        said_by.update({b"%d" % made: made for made in (named.created, named.created_at) if made is not None})
    # Each event of a stream says them all again: what was said is looked for once, not once an event.
    told = dict.fromkeys((*_ID.findall(first), *_MADE.findall(first)))
    return tuple(Stamp(name + said, name, said_by[said]) for name, said in told if said in said_by)


def renewed(frame: Frame, stamps: tuple[Stamp, ...], fresh: tuple[bytes, ...]) -> Frame:
    """Return *frame* with what is *fresh* in the place of each stamp."""
    data = frame.data
    for stamp, anew in zip(stamps, fresh, strict=True):
        data = data.replace(stamp.was, anew)
    return msgspec.structs.replace(frame, data=data)


def fresh(stamps: tuple[Stamp, ...], call_id: str, context: Context) -> tuple[bytes, ...]:
    """Return what each stamp is to be for the request of *context*; *call_id* was the call's that made the answer."""
    now_s = int(context.now.timestamp())
    told = (now_s if isinstance(one.said, int) else _own(one.said, call_id, context.call_id) for one in stamps)
    return tuple(stamp.name + msgspec.json.encode(said) for stamp, said in zip(stamps, told, strict=True))


def _own(said: str, call_id: str, own: str) -> str:
    """Return an id of the same form: with the request's own where the call's was in it, else one that nobody has."""
    if call_id and said.endswith(call_id):
        return said.removesuffix(call_id) + own
    prefix = _PREFIX.match(said)
    return (prefix[0] if prefix else "") + uuid.uuid4().hex


def _named(first: bytes) -> Iterator[_Named]:
    for text in _objects(first):
        try:
            answer = _answer.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        yield from (one for one in (answer, answer.message, answer.response) if one is not None)


def _objects(first: bytes) -> Iterator[bytes]:
    if first.lstrip().startswith(b"{"):
        yield first
        return
    yield from (line[len(_DATA) :] for line in first.splitlines() if line.startswith(_DATA))
