"""What is kept of a request: one JSON object a line, in files below ``records/`` of the gateway's state directory.

A ``record`` node keeps one line for each request that went through it, of kind ``request``. A ``shadow`` node keeps two
for each request that it mirrored, of kind ``shadow`` and with the client's request id: what the client got, and what
the candidate said, whose ``score`` tells how well it agrees. Both write the same fields; one at its default is left out
of the line. ``records_read`` reads files back, ``records_writer`` writes them.

Texts (``body`` and ``answer``) are there only where the node was configured with ``text: true``, and neither where they
are larger than ``MOST_TEXT`` together. Of headers only those are kept that the node names; none may carry a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from deployments.quantities import Bytes
from deployments.request import Endpoint
from deployments.strict import Strict

MOST_TEXT = 256 * 2**10
OK = "ok"
CANCELLED = "cancelled"
# Calendars of datetime end before it.
_YEAR_10000_S = 253_402_300_800
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finished request.

    ``at_s`` is Unix time at its arrival; ``entry`` the name that the client asked for, ``node`` the one that kept this.
    ``arms`` tells, by the name of each split, shadow or canary on the way, to whom it gave the request; ``path`` and
    ``model`` who answered. ``outcome`` is ``ok``, ``cancelled`` or an error's code. ``ttft_s`` and ``duration_s`` are
    seconds from the node to the first token and to the end. ``body`` is the wire body as the client sent it, ``answer``
    the first choice's text. ``score`` is a judgement of the answer in [0, 1], ``judged_by`` how it was come by.
    """

    kind: Literal["request", "shadow"] = "request"
    request_id: str
    at_s: Annotated[float, msgspec.Meta(ge=0, lt=_YEAR_10000_S)]
    node: str
    entry: str
    endpoint: Endpoint
    outcome: str
    duration_s: float
    stream: bool = False
    tenant: str = "anonymous"
    headers: Mapping[str, str] = {}
    arms: Mapping[str, str] = {}
    path: tuple[str, ...] = ()
    model: str = ""
    ttft_s: float | None = None
    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens = 0
    finish_reason: str | None = None
    body: Mapping[str, Any] | None = None
    answer: str | None = None
    score: float | None = None
    judged_by: str = ""


class Keep(Strict):
    """How long and how much is kept: files older than ``days`` go, and the oldest while there are more ``bytes``.

    Both bound what one node keeps on one machine, whichever gateways wrote it. While a gateway runs there, no record
    outlives its days by more than an hour and a few minutes; those of a node that is no longer in the graph go after as
    many days as are the default.
    """

    days: float = Field(default=7.0, gt=0, le=3650)
    bytes: Bytes = Field(default=200 * 2**20, ge=2**20)


RecordSink = Callable[[Record, Keep], None]


def unrecorded(record: Record, keep: Keep) -> None:
    """Keep nothing."""
