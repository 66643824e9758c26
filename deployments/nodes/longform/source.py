"""Which text of a request is the long one, what is wanted of it, and requests with something shorter in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from deployments.graph import limits
from deployments.graph.limits import FIELDS
from deployments.graph.texts import Said, texts, with_text
from deployments.graph.tokens import estimate_tokens
from deployments.nodes.longform.words import edges
from deployments.request import Request

MAX_QUESTION_CHARS = 600

# A draft is text for another model: nothing that only clients have a use for.
_FOR_CLIENTS = frozenset({
    "background", "best_of", "echo", "functions", "logprobs", "n", "prompt_logprobs", "return_token_ids", "store",
    "stream_options", "tool_choice", "tools", "top_logprobs",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The longest text of a request; ``beside`` counts the estimated tokens of all the others.

    ``opening`` and ``closing`` are the source's own where it is the client's, ``question`` what is wanted of it.
    """

    said: Said
    tokens: int
    beside: int
    opening: str
    closing: str
    question: str


def source_of(request: Request) -> Source | None:
    """Return the longest text of what generates an answer; None where there is none, or it is no text."""
    said = texts(request) if request.endpoint in FIELDS else []
    if not said:
        return None
    counts = [estimate_tokens(one.text) for one in said]
    longest = max(range(len(said)), key=lambda at: counts[at])
    opening, closing = edges(said[longest].text) if said[longest].role == "user" else ("", "")
    asked = [one.text for at, one in enumerate(said) if one.role == "user" and at != longest]
    question = asked[-1] if asked else " ".join(part for part in (opening, closing) if part)
    return Source(
        said=said[longest],
        tokens=counts[longest],
        beside=sum(counts) - counts[longest],
        opening=opening,
        closing=closing,
        question=question[:MAX_QUESTION_CHARS],
    )


def choices(request: Request) -> int:
    """Return how many answers one request asks for."""
    prompts = request.body.get("prompt") if request.endpoint == "completion" else None
    each = max(_count(request.body.get("n")), _count(request.body.get("best_of")))
    return each * (len(prompts) if isinstance(prompts, list) and prompts else 1)


def limit_of(request: Request, most: int) -> int:
    """Return the most tokens of one answer: the client's limit, but no more than *most*."""
    given = limits.limit_of(request)
    return most if given is None else min(given, most)


def rewritten(request: Request, source: Source, text: str, *, tokens: int) -> Request:
    """Return *request* with *text* for the source, and answers of at most *tokens* tokens."""
    return limits.limited(replace(request, body=with_text(request.body, source.said.place, text)), tokens)


def draft_of(request: Request) -> Request:
    """Return *request* for a draft: one answer, whole, and nothing but text."""
    body: dict[str, Any] = {name: value for name, value in request.body.items() if name not in _FOR_CLIENTS}
    stored = {"store": False} if request.endpoint == "responses" else {}
    plain = replace(request, stream=False, judged=False, traced=False, resume=None)
    return replace(plain, body={**body, **stored, "stream": False})


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 1
