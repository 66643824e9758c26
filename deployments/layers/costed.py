"""costed: tell clients who ask what their request cost, where its usage is told.

Asked by the header ``x-tercet-cost: usage``, or by ``"usage": {"include": true}`` in the body. Only the frames that
report usage are opened.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from deployments.cost.charge import Charge, Tally
from deployments.graph.closing import closing
from deployments.graph.node import Node
from deployments.request import Context, Frame, Request

HEADER, ASKED = "x-tercet-cost", "usage"
_FIELD = "usage"
_DATA, _USAGE = b"data: ", b'"usage"'
# Where these have their usage told on a stream only if the client asks for that too.
_OPTIONAL = frozenset({"chat", "completion"})
_WITHIN = ("response", "message")


def costed(inner: Node) -> Node:
    """Return the node that tells what *inner*'s answers cost."""

    def answer(request: Request, context: Context) -> AsyncIterator[Frame]:
        asked = context.headers.get(HEADER, "").strip().lower() == ASKED
        if not asked and not _in_body(request.body):
            return inner(_without(request), context)
        return _told(inner, _reporting(_without(request)), context)

    return answer


async def _told(inner: Node, request: Request, context: Context) -> AsyncGenerator[Frame]:
    tally = Tally()

    def spent(charge: Charge) -> None:
        tally.add(charge)
        context.spent(charge)

    async with closing(inner(request, replace(context, spent=spent))) as frames:
        async for frame in frames:
            yield frame if frame.prompt_tokens is None else _with_cost(frame, tally, stream=request.stream)


def _in_body(body: Mapping[str, Any]) -> bool:
    asked = body.get(_FIELD)
    return isinstance(asked, Mapping) and asked.get("include") is True


def _without(request: Request) -> Request:
    """Return the request without a field that only this layer knows."""
    if not isinstance(request.body.get(_FIELD), Mapping):
        return request
    return replace(request, body={name: value for name, value in request.body.items() if name != _FIELD})


def _reporting(request: Request) -> Request:
    if not request.stream or request.endpoint not in _OPTIONAL:
        return request
    options = request.body.get("stream_options")
    told = {**(options if isinstance(options, Mapping) else {}), "include_usage": True}
    return replace(request, body={**request.body, "stream_options": told})


def _with_cost(frame: Frame, tally: Tally, *, stream: bool) -> Frame:
    cost = tally.as_wire()
    if not stream:
        return msgspec.structs.replace(frame, data=_priced(frame.data, cost))
    lines = [
        _DATA + _priced(line.removeprefix(_DATA), cost) if line.startswith(_DATA) and _USAGE in line else line
        for line in frame.data.split(b"\n")
    ]
    return msgspec.structs.replace(frame, data=b"\n".join(lines))


def _priced(text: bytes, cost: Mapping[str, Any]) -> bytes:
    """Return a JSON object with the cost in its usage; as it is, where it has none."""
    try:
        said = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    usage = _usage(said)
    if usage is None:
        return text
    usage["cost"] = cost
    return msgspec.json.encode(said)


def _usage(said: Any) -> dict[str, Any] | None:
    if not isinstance(said, dict):
        return None
    places = (said, *(said.get(name) for name in _WITHIN))
    found = (place.get("usage") for place in places if isinstance(place, dict))
    return next((usage for usage in found if isinstance(usage, dict)), None)
