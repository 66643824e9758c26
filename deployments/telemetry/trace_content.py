"""Texts of prompts and answers as attributes of spans, for who asked for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deployments.request import Request

INPUT, OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"
# The parts of a body that say what a model is to do, in the order in which they are looked for.
_TEXTS = ("messages", "prompt", "input")
_ASKED: Mapping[str, tuple[str, ...]] = {
    "gen_ai.request.max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "gen_ai.request.temperature": ("temperature",),
    "gen_ai.request.top_p": ("top_p",),
    "gen_ai.request.seed": ("seed",),
    "gen_ai.request.choice.count": ("n",),
}


def asked(request: Request, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what was asked for, without any text of it."""
    found = {
        attribute: value
        for attribute, names in _ASKED.items()
        for name in names
        if isinstance(value := request.body.get(name), int | float)
    }
    session = headers.get("x-session-id")
    return found if session is None else {**found, "gen_ai.conversation.id": session[:256]}


def prompt(request: Request, limit: int) -> dict[str, str]:
    """Return the prompt's text as the client sent it, cut after *limit* characters."""
    said = next((request.body[name] for name in _TEXTS if name in request.body), None)
    return {} if said is None else {INPUT: msgspec.json.encode(said).decode()[:limit]}


def answer(text: str, limit: int) -> dict[str, str]:
    """Return the text of the first choice, cut after *limit* characters."""
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text[:limit]}]}]
    return {OUTPUT: msgspec.json.encode(said).decode()} if text else {}
