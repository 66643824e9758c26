"""The request to whoever merges several answers: the client's own, with the answers under its last message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deployments.errors import Invalid
from deployments.graph.texts import texts, with_text
from deployments.request import Request

MAX_DRAFT_CHARS = 8_000

_ASKED = (
    "These are {count} independent drafts of an answer to the message above:\n\n{drafts}\n\n"
    "Write the one best answer to the message: keep what is right, correct what is wrong, and add nothing about the "
    "drafts."
)


def check_mergeable(name: str, request: Request) -> None:
    """Raise an Invalid for what is no conversation, in which drafts could be shown."""
    if request.endpoint == "completion":
        raise Invalid(
            f"model: {name} merges answers to messages, not continuations of a text; use /v1/chat/completions",
            param="model",
        )


def merging(request: Request, drafts: Sequence[str]) -> Request:
    """Return *request* with *drafts* to be merged; its format, tools and limits stay."""
    said = texts(request)
    asked = next((one for one in reversed(said) if one.role == "user"), said[-1] if said else None)
    if asked is None:
        raise Invalid("messages: there is no text to which answers could be merged", param="messages")
    listed = "\n\n".join(f"[{at}] {draft[:MAX_DRAFT_CHARS]}" for at, draft in enumerate(drafts, 1))
    text = f"{asked.text}\n\n---\n{_ASKED.format(count=len(drafts), drafts=listed)}"
    return replace(request, body=with_text(request.body, asked.place, text))
