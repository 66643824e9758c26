"""What a line of an audit file says.

A line is one JSON object: its number ``n`` in the chain, ``prev``, the SHA-256 of the line before without its line
break, and a ``record``. A chain is what one gateway wrote without a fault of the disk between; its first record says
who wrote it and with which key it is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

NOTHING_BEFORE = "0" * 64


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    at_s: float


class Place(msgspec.Struct, frozen=True):
    """A line of a chain: its number and its hash."""

    chain: str
    n: int
    hash: str


class Begin(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="begin"):
    """The first line of a chain. ``key`` is the public key in base64; ``after`` what was written before a fault."""

    chain: str
    gateway: str
    key: str
    version: str = ""
    after: Place | None = None


class Answered(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="answer"):
    """One request and what was generated for it.

    ``at_s`` is Unix time at its arrival; ``key`` names the caller's key, never the key itself. ``version`` is what the
    model was loaded with, its checkpoint among it. ``notes`` are what nodes said of the answer in headers: guards their
    verdicts, a cache whether it was given before. ``unseen_tokens`` were generated as well and no client saw them.
    ``outcome`` is how the generating ended: the end of an answer waits for its record, so that ``ok`` does not say that
    a client which left meanwhile has seen it. The hashes are SHA-256 of the request's body as JSON with sorted keys, of
    the first choice's text, and of the bytes that the client was given or was to be given with the end; texts are there
    where the policy says so.
    """

    request_id: str
    tenant: str
    key: str = ""
    endpoint: str
    entry: str
    outcome: str
    stream: bool = False
    duration_s: float = 0.0
    ttft_s: float | None = None
    model: str = ""
    version: str = ""
    replica: str = ""
    path: tuple[str, ...] = ()
    arms: Mapping[str, str] = {}
    notes: Mapping[str, str] = {}
    cost: Mapping[str, float] = {}
    prompt_tokens: int | None = None
    completion_tokens: int = 0
    unseen_tokens: int = 0
    finish_reason: str | None = None
    prompt_sha256: str = ""
    text_sha256: str = ""
    sent_sha256: str = ""
    prompt: Mapping[str, Any] | None = None
    text: str | None = None


class Administered(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="admin"):
    """One attempt at the admin routes by ``who`` is known, be it refused, and what of its answer is told in the log."""

    request_id: str
    who: str
    action: str
    outcome: str
    told: Mapping[str, Any] = {}


class Checkpoint(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="checkpoint"):
    """Signs all lines before it (Ed25519, RFC 8032, in base64); ``last`` where nothing is to follow."""

    signature: str
    last: bool = False


class Witness(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="witness"):
    """How far another chain had come; whoever shortens that one would have to change this one too."""

    seen: Place


class Gap(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="gap"):
    """Records that could not be kept, and since when."""

    lost: int
    since_s: float
    reason: str


class Retired(_Record, frozen=True, kw_only=True, omit_defaults=True, tag="retired"):
    """The lines of a chain up to this one were removed because they were old enough."""

    upto: Place


Record = Begin | Answered | Administered | Checkpoint | Witness | Gap | Retired


class Line(msgspec.Struct, frozen=True):
    """One line."""

    n: int
    prev: str
    record: Record


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def encoded(line: Line) -> bytes:
    """Return the line without its break."""
    return _encoder.encode(line)


def decoded(data: bytes) -> Line:
    """Read a line; raises msgspec's errors."""
    return _decoder.decode(data)


def hash_of(data: bytes) -> str:
    """Return the hash that the next line tells of this one."""
    return hashlib.sha256(data).hexdigest()


def signed_words(chain: str, n: int, prev: str, at_s: float, *, last: bool) -> bytes:
    """Return what the checkpoint with the number *n* signs."""
    return f"tercet audit 1\n{chain}\n{n}\n{prev}\n{at_s!r}\n{'last' if last else 'more'}".encode()
