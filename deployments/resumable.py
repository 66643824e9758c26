"""Which answers may be gone on with elsewhere after they broke off: those that follow from their tokens alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.engines.constraint_blame import constraint_of
from deployments.errors import Invalid
from deployments.request import Request

# An engine counts these over the tokens that it has generated itself, and what was delivered becomes its prompt.
_COUNTED = (
    "presence_penalty",
    "frequency_penalty",
    "bad_words",
    "repetition_detection",
    "thinking_token_budget",
)
_ABOUT_THE_PROMPT = ("echo", "prompt_logprobs", "prompt_embeds", "use_beam_search")


def check_resume(request: Request) -> None:
    """Raise Invalid where *request* is to go on with an answer that cannot be gone on with."""
    field = obstacle(request) if request.resume is not None else None
    if field is not None:
        raise Invalid(f"{field}: an answer with this cannot be gone on with once it broke off", param=field)


def resumable(request: Request) -> bool:
    """Say whether an engine can go on with a broken answer to *request*."""
    return obstacle(request) is None


def obstacle(request: Request) -> str | None:
    """Return the field because of which *request* cannot be gone on with, None where there is none."""
    body = request.body
    if request.endpoint not in ("chat", "completion"):
        return "endpoint"
    if not request.stream:
        return "stream"
    if body.get("n") not in (None, 1):
        return "n"
    if not _one_prompt(body):
        return "prompt"
    return next((name for name in (*_COUNTED, *_ABOUT_THE_PROMPT) if body.get(name)), None) or _constraint(body)


def _one_prompt(body: Mapping[str, Any]) -> bool:
    prompt = body.get("prompt")
    return not isinstance(prompt, list) or all(isinstance(token, int) for token in prompt)


def _constraint(body: Mapping[str, Any]) -> str | None:
    """Return the field that holds the answer to a grammar, which would have to be read from the answer's start."""
    field = constraint_of(body)
    return None if field == "tools" and body.get("tool_choice") == "none" else field
