"""Vectors of a few texts by a pooling model, in time or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from deployments.errors import (
    EngineFailed,
    FirstTokenTimeout,
    Invalid,
    ServingError,
    StaysLocal,
    StoreUnavailable,
    TooManyRequests,
    Withheld,
)
from deployments.graph.breaker import Breaker, BreakerRule
from deployments.graph.closing import closing
from deployments.graph.labels import Vector
from deployments.graph.node import Node
from deployments.graph.wiring import Wiring
from deployments.request import Context, Request

# What comes of whose request it is says nothing of the model to others.
_ITS_OWN = (Invalid, StaysLocal, StoreUnavailable, TooManyRequests, Withheld)
_RULE = BreakerRule(consecutive=3, open=5.0, probes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Asks *model* for the node *name*, which calls it its *role*; a model that is away is left alone for a while.

    A call is the request's own: it is charged, it takes the tenant's turn, and it goes nowhere the tenant may not.
    """

    name: str
    role: str
    model: str
    wiring: Wiring
    breaker: Breaker

    async def vectors(self, texts: Sequence[str], context: Context, limit_s: float) -> list[Vector] | None:
        """Return one vector for each text, None where they do not come in time."""
        clock = self.wiring.clock
        given = self.breaker.admit(_RULE, clock())
        if given is None:
            return None
        own = context.enter(self.name).fork(f"{self.name}.{self.role}")
        own = replace(own, deadline_s=min(context.deadline_s, clock() + limit_s))
        try:
            with self.wiring.edge(self.name, self.model):
                vectors = await _embedded(self.wiring.node(self.model), texts, own, limit_s)
        except _ITS_OWN:
            self.breaker.dropped(given)
            return None
        except ServingError:
            self.breaker.failed(given, _RULE, clock())
            return None
        except BaseException:
            self.breaker.dropped(given)
            raise
        self.breaker.answered(given, _RULE)
        self.breaker.succeeded(given, clock())
        return vectors


class _Vector(msgspec.Struct):
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


_decoder = msgspec.json.Decoder(_Vectors)


async def _embedded(node: Node, texts: Sequence[str], context: Context, limit_s: float) -> list[Vector]:
    body = {"input": list(texts), "encoding_format": "float"}
    request, answer = Request(endpoint="embeddings", model="", body=body), b""
    try:
        async with asyncio.timeout(limit_s), closing(node(request, context)) as frames:
            async for frame in frames:
                answer += frame.data
        vectors: list[Vector] = [one.embedding for one in _decoder.decode(answer).data]
    except TimeoutError as error:
        raise FirstTokenTimeout(f"no vectors within {limit_s:g} s") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineFailed("the model of vectors answered with something else") from error
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
        raise EngineFailed("the model of vectors answered with some that do not fit")
    return vectors
