"""Several completion requests as one with a list of prompts, and its answer as several again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from deployments.errors import EngineFailed
from deployments.nodes.coalesce.key import ASIDE, digest
from deployments.request import Context, Request

ASKED_BY = "x-tercet-batch"
_ONE = (None, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One request's part of a merged answer."""

    body: bytes
    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int


def key_of(request: Request, context: Context, *, at_most_tokens: int) -> bytes | None:
    """Return what requests that may be merged have in common; None where this one is to go alone.

    Only who asks for it is made to wait: with the header ``x-tercet-batch: yes`` or ``service_tier: flex``.
    """
    body = request.body
    asked = context.headers.get(ASKED_BY) == "yes" or body.get("service_tier") == "flex"
    if not asked or request.endpoint != "completion" or not _plain(request) or prompt_of(request) is None:
        return None
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or limit > at_most_tokens:
        return None
    aside = ASIDE["completion"] | {"prompt"}
    return digest(request, context, aside=aside, without=frozenset({ASKED_BY}), of_account=True)


def prompt_of(request: Request) -> str | list[int] | None:
    """Return the one prompt of a completion, None where there are several."""
    prompt = request.body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and not isinstance(prompt[0], int):
        prompt = prompt[0]
    if isinstance(prompt, list):
        return prompt if prompt and all(isinstance(token, int) for token in prompt) else None
    return prompt if isinstance(prompt, str) else None


def merged(requests: Sequence[Request]) -> Request:
    """Return one request for all prompts, in order; they must have the same key and prompts of one kind."""
    first = requests[0]
    if len(requests) == 1:
        return first
    return replace(first, body={**first.body, "prompt": [prompt_of(request) for request in requests]})


def shares(answer: bytes, requests: Sequence[Request]) -> list[Share]:
    """Split the *answer* to the merged *requests*; raises EngineFailed where it does not hold one choice for each.

    The parts' usages add up to the whole's. Where the answer does not tell how many tokens a part has, they are shared
    out by the lengths of the texts.
    """
    body = _decoded(answer)
    choices = sorted(body["choices"], key=lambda choice: int(choice.get("index", 0)))
    if len(choices) != len(requests):
        raise EngineFailed(f"{len(choices)} of {len(requests)} prompts were answered")
    usage = body.get("usage") or {}
    prompts = apportioned(int(usage.get("prompt_tokens", 0)), [len(prompt_of(one) or "") for one in requests])
    generated = apportioned(int(usage.get("completion_tokens", 0)), [_length(choice) for choice in choices])
    parts = zip(choices, prompts, generated, strict=True)
    return [_share(body, at, choice, ours, theirs) for at, (choice, ours, theirs) in enumerate(parts)]


def apportioned(total: int, sizes: Sequence[int]) -> list[int]:
    """Share *total* out in proportion to *sizes*, in whole numbers that add up to it (largest remainder)."""
    whole = sum(sizes)
    weights = sizes if whole else [1] * len(sizes)
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(part) for part in exact]
    short = sorted(range(len(parts)), key=lambda at: parts[at] - exact[at])[: total - sum(parts)]
    return [part + (at in short) for at, part in enumerate(parts)]


def _plain(request: Request) -> bool:
    body = request.body
    single = body.get("n") in _ONE and body.get("best_of") in _ONE and not body.get("echo")
    marked = request.stream or request.traced or request.judged or request.resume is not None or request.replica
    return single and not marked


def _decoded(answer: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(answer)
        if all(isinstance(choice, dict) for choice in body["choices"]):
            return dict(body)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        pass
    raise EngineFailed("the answer to several prompts cannot be read")


def _length(choice: dict[str, Any]) -> int:
    """Return the tokens of a choice where it tells them, else its characters."""
    if isinstance(ids := choice.get("token_ids"), list):
        return len(ids)
    tokens = (choice.get("logprobs") or {}).get("tokens")
    return len(tokens) if isinstance(tokens, list) else len(choice.get("text") or "")


def _share(body: dict[str, Any], at: int, choice: dict[str, Any], prompt_tokens: int, tokens: int) -> Share:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": tokens, "total_tokens": prompt_tokens + tokens}
    own = {**body, "id": f"{body.get('id', 'cmpl')}-{at}", "choices": [{**choice, "index": 0}], "usage": usage}
    return Share(
        body=msgspec.json.encode(own),
        text=choice.get("text") or "",
        finish_reason=choice.get("finish_reason"),
        prompt_tokens=prompt_tokens,
        completion_tokens=tokens,
    )
