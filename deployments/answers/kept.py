"""A whole answer as it is kept: its frames, until when it may be given, and what it is forgotten by."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from deployments.request import Frame, Head

# What an answer takes in memory beside its bytes and text, roughly.
_ANSWER_BYTES, _FRAME_BYTES = 1024, 256
# No answer is kept for longer, so that what was forgotten need not be remembered for longer.
MOST_S = 60 * 86_400.0


class Since(NamedTuple):
    """A moment in the life of one store: how many times it had been told to forget something.

    Clocks of several machines do not agree; a count that the store keeps does.
    """

    store: str
    era: int


class Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is written anew each time an answer is given: the bytes *was*, by *name* and the value *said* in it."""

    was: bytes
    name: bytes
    said: str | int


class Kept(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One answer.

    ``head`` has no path above the node that kept it, ``frames`` have no heads. Times are Unix seconds. What was asked
    to be forgotten later than ``since`` by one of the ``labels`` includes this. ``call_id`` is what the engine knew the
    call by, ``arms`` are the choices of nodes on the way.
    """

    head: Head
    frames: tuple[Frame, ...]
    fresh_until_s: float
    until_s: float
    since: Since
    labels: tuple[str, ...]
    call_id: str = ""
    stamps: tuple[Stamp, ...] = ()
    arms: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """Return about how much memory this takes."""
        return _ANSWER_BYTES + sum(
            len(one.data) + len(one.text) + _FRAME_BYTES + 8 * len(one.ids) for one in self.frames
        )


class Word(NamedTuple):
    """What a store has to say: which moment it is, and what it was told to forget lately, by label and era."""

    now: Since
    forgotten: dict[str, int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


def encoded(kept: Kept) -> bytes:
    """Return the bytes that a store keeps."""
    return _encoder.encode(kept)


def decoded(data: bytes) -> Kept:
    """Read what ``encoded`` returned; raises msgspec's errors for anything else."""
    return _decoder.decode(data)
