"""What leaves for a remote model that must not get personal data, whichever way the request took to it.

The redaction is part of the model itself, not of the graph. What it cannot rewrite (names, ids, keys, fields that it
does not know) is searched, what it cannot search (token ids, embeddings, media) is refused.

A refusal is a Withheld and no ContentRefused: nothing is wrong with the request but the place, so a fallback moves on
to a model that stays here, which is what an operator wants of ``block`` on the way out. It is no failure of the other
server either, and opens no circuit.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from deployments.errors import Invalid, Withheld
from deployments.gateway.media_parts import media_parts
from deployments.graph.meters import Meters
from deployments.graph.node import Node
from deployments.graph.rewriting.apart import apart
from deployments.graph.rewriting.leaves import MACHINES
from deployments.graph.rewriting.prompt import FIELDS
from deployments.nodes.redact.screening import Screen, Screened, relayed
from deployments.pii.scanner import find, warm
from deployments.pii.secret import RANDOM_SECRET
from deployments.remote.spec import RemoteRedact
from deployments.request import Context, Frame, Request

# Prompts in no words, and what stands for files.
_UNREADABLE = (
    "prompt_token_ids", "prompt_embeds", "multi_modal_data", "multi_modal_uuids", "container", "audio", "file_ids",
)  # fmt: skip
_MAY_BE_IDS = ("prompt", "input", "query", "queries", "documents", "items", "text_1", "text_2", "data_1", "data_2")
# The bounds of a schema are no one's number.
_SCHEMAS = frozenset({"functions", "output_config", "response_format", "structured_outputs", "text", "tools"})
# What takes longer to search than a stream should wait for.
_LONG_CHARS, _MANY = 4000, 1000
_MOST_NAME = 64
# Longer than all that is told in digits.
_MOST_NUMBER = 1e30
# Random by nature, which is what a secret looks like.
_RANDOM = frozenset({
    "cache_salt", "call_id", "data", "encrypted_content", "id", "item_id", "prompt_cache_key", "signature",
    "tool_call_id", "tool_use_id",
})  # fmt: skip


class _Rest(NamedTuple):
    """A text that is sent as it is: in which field of the body, and whether it may be random."""

    field: str
    text: str
    random: bool


class Leaving:
    """Sends requests of the remote model *name* without what is personal, or not at all."""

    def __init__(self, name: str, spec: RemoteRedact, meters: Meters) -> None:
        self._name, self._entities, self._meters = name, spec.entities, meters
        warm(spec.entities)
        self._screen = Screen(name, spec.action, spec.entities, meters)

    async def stream(self, request: Request, context: Context, send: Node) -> AsyncGenerator[Frame]:
        """Stream the answer of *send* with the originals in it; raises Withheld where nothing may be sent."""
        screened = await self._screened(request)
        if next(_found([_Rest("", context.call_id, random=True)], self._entities), None):
            context = replace(context, request_id=uuid.uuid4().hex)  # clients may choose it
        async with aclosing(relayed(send, screened, context, nullcontext())) as frames:
            async for frame in frames:
                yield frame

    async def _screened(self, request: Request) -> Screened:
        self._check_readable(request.body)
        try:
            screened = await self._screen.screened(request)
        except Invalid as error:
            raise Withheld(error.message, param=error.param) from error
        rest = list(_rest_of(screened.request.body))
        search = partial(next, _found(rest, self._entities), None)
        found = search() if _soon_searched(rest) else await apart(search)
        if found is not None:
            field, kind = found
            self._meters.screened(self._name, kind, "block")
            told = f"holds what looks like personal data ({kind}) where {self._name} gets no placeholder for it"
            raise Withheld(f"{field}: {told}; leave it out", param=field)
        return screened

    def _check_readable(self, body: Mapping[str, Any]) -> None:
        part = next(media_parts(body), None)
        if part is not None:
            raise Withheld(f"{part.field}: is no text, which is all that {self._name} may be sent", param=part.field)
        for field in _UNREADABLE:
            if body.get(field) is not None:
                raise Withheld(f"{field}: cannot be searched for {self._name}; send text", param=field)
        for field in _MAY_BE_IDS:
            if _holds_ids(body.get(field)):
                raise Withheld(f"{field}: holds token ids, which {self._name} cannot search; send text", param=field)


def _soon_searched(rest: Sequence[_Rest]) -> bool:
    """Say whether other streams can wait for it."""
    return len(rest) < _MANY and sum(len(one.text) for one in rest) < _LONG_CHARS


def _found(rest: Iterable[_Rest], kinds: Collection[str]) -> Iterator[tuple[str, str]]:
    unlike_random = frozenset(kinds) - {RANDOM_SECRET.kind}
    searched: set[tuple[str, bool]] = set()  # keys come again and again
    for one in rest:
        if (one.text, one.random) not in searched:
            searched.add((one.text, one.random))
            for span in find(one.text, unlike_random if one.random else kinds):
                yield one.field, span.kind


def _rest_of(body: Mapping[str, Any]) -> Iterator[_Rest]:
    """Yield what the redaction leaves as it is: all keys, numbers, what machines read, and fields it does not know."""
    for field, value in body.items():
        yield _Rest("body", field, random=False)
        if field != "model":  # the name it has here, which is not sent
            yield from _below(field[:_MOST_NAME], value, random=field in _RANDOM, rewritten=field in FIELDS)


def _below(field: str, value: Any, *, random: bool, rewritten: bool) -> Iterator[_Rest]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield _Rest(field, key, random=False)
            yield from _below(field, one, random=key in _RANDOM, rewritten=rewritten and key not in MACHINES)
    elif isinstance(value, list):
        for one in value:
            yield from _below(field, one, random=random, rewritten=rewritten)
    elif isinstance(value, str):
        if not rewritten:
            yield _Rest(field, value, random=random)
    elif isinstance(value, int | float) and field in FIELDS and field not in _SCHEMAS and abs(value) < _MOST_NUMBER:
        yield _Rest(field, str(int(value)), random=random)


def _holds_ids(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, int) or _holds_ids(one) for one in value)
