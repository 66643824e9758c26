"""Take out of an answer the log-probabilities that a node asked for and the client did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deployments.request import Request


def strip(data: bytes, request: Request) -> bytes:
    """Return the JSON object *data* with no more log-probabilities than *request* asks for."""
    answer = msgspec.json.decode(data)
    for choice in answer.get("choices") or ():
        if request.endpoint == "chat":
            choice["logprobs"] = _of_chat(choice.get("logprobs"), request.body)
        else:
            choice["logprobs"] = _of_completion(choice.get("logprobs"), request.body.get("logprobs"))
    return msgspec.json.encode(answer)


def _of_chat(told: dict[str, Any] | None, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    if not asked.get("logprobs") or told is None:
        return None
    most = asked.get("top_logprobs") or 0
    tokens = told.get("content") or []
    return {**told, "content": [{**token, "top_logprobs": token.get("top_logprobs", [])[:most]} for token in tokens]}


def _of_completion(told: dict[str, Any] | None, most: int | None) -> dict[str, Any] | None:
    if most is None or told is None:
        return None
    tops = [top and dict(list(top.items())[:most]) for top in told.get("top_logprobs") or []]
    return {**told, "top_logprobs": tops}
