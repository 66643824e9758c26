"""What a synthetic engine answers without a step: tokens, vectors and scores."""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from random import Random
from typing import Annotated, Any, Literal

import msgspec

from deployments.engines.synthetic_bodies import Chat
from deployments.engines.synthetic_request import count_tokens, parsed, pieces, seed_of
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.engines.synthetic_words import number_of
from deployments.errors import Invalid
from deployments.request import Endpoint

DIMENSIONS = 32
_READ_WORDS = 256

Texts = str | list[str]


class _Tokenize(msgspec.Struct):
    prompt: str | None = None
    messages: Annotated[list[Any], msgspec.Meta(min_length=1)] | None = None
    return_token_strs: bool | None = None


class _Embed(msgspec.Struct):
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"


class _Score(msgspec.Struct):
    queries: Texts
    documents: Texts


class _Rerank(msgspec.Struct):
    query: str
    documents: Texts
    top_n: int | None = None


def tokenize(body: Mapping[str, Any], spec: SyntheticSpec) -> dict[str, Any]:
    """Number the pieces of a text, the same piece always the same."""
    asked = parsed(body, _Tokenize)
    text = asked.prompt
    if text is None:
        text = str(parsed({"messages": asked.messages}, Chat).prompt()[1])
    found = pieces(text)
    numbers = [number_of(piece) for piece in found]
    told = found if asked.return_token_strs else None
    return {"count": len(found), "max_model_len": spec.max_model_len, "tokens": numbers, "token_strs": told}


def embed(body: Mapping[str, Any], spec: SyntheticSpec) -> dict[str, Any]:
    """Turn each text into a vector of length one."""
    asked = parsed(body, _Embed)
    texts = _listed(asked.input)
    pack = struct.Struct(f"<{DIMENSIONS}f").pack
    vectors = [vector(text, spec.seed) for text in texts]
    data = [
        {
            "object": "embedding",
            "index": at,
            "embedding": one if asked.encoding_format == "float" else b64encode(pack(*one)).decode(),
        }
        for at, one in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "usage": _usage(texts)}


def score(body: Mapping[str, Any], spec: SyntheticSpec) -> dict[str, Any]:
    """Compare one text with several, or pair by pair."""
    asked = parsed(body, _Score)
    queries, documents = _listed(asked.queries), _listed(asked.documents)
    if len(queries) == 1:
        queries *= len(documents)
    if len(queries) != len(documents):
        raise Invalid(f"queries: has {len(queries)} entries for {len(documents)} documents", param="queries")
    pairs = zip(queries, documents, strict=True)
    data = [{"object": "score", "index": at, "score": alike(*pair, spec.seed)} for at, pair in enumerate(pairs)]
    return {"object": "list", "data": data, "usage": _usage([*queries, *documents])}


def rerank(body: Mapping[str, Any], spec: SyntheticSpec) -> dict[str, Any]:
    """Put the documents that are most like the query first."""
    asked = parsed(body, _Rerank)
    documents = _listed(asked.documents)
    results = [
        {"index": at, "document": {"text": text}, "relevance_score": alike(asked.query, text, spec.seed)}
        for at, text in enumerate(documents)
    ]
    results.sort(key=lambda one: one["relevance_score"], reverse=True)  # type: ignore[arg-type, return-value]
    return {"results": results[: asked.top_n or None], "usage": _usage([asked.query, *documents])}


INSTANT: Mapping[Endpoint, Callable[[Mapping[str, Any], SyntheticSpec], dict[str, Any]]] = {
    "tokenize": tokenize,
    "embeddings": embed,
    "score": score,
    "rerank": rerank,
}
VECTORS = frozenset({"embeddings", "score", "rerank"})


def vector(text: str, seed: int) -> list[float]:
    """Return the direction of a text: that of its words together, so that texts which share words are alike."""
    words = text.lower().split(maxsplit=_READ_WORDS)[:_READ_WORDS] or [""]
    draws = [Random(seed_of(f"{seed}\n{word}")) for word in words]  # noqa: S311 - reproducible, no secret
    total = [sum(draw.gauss() for draw in draws) for _ in range(DIMENSIONS)]
    length = math.hypot(*total)
    return [value / length for value in total]


def alike(left: str, right: str, seed: int) -> float:
    """Return the cosine of two texts."""
    return sum(a * b for a, b in zip(vector(left, seed), vector(right, seed), strict=True))


def _listed(texts: Texts) -> list[str]:
    found = [texts] if isinstance(texts, str) else texts
    if not found:
        raise Invalid("there is no text to work on")
    return found


def _usage(texts: list[str]) -> dict[str, int]:
    tokens = sum(map(count_tokens, texts))
    return {"prompt_tokens": tokens, "total_tokens": tokens}
