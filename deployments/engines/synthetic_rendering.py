"""Choose how a synthetic engine writes an answer."""

from __future__ import annotations

from typing import Any

from deployments.engines.messages_wire import MessageAnswer
from deployments.engines.openai_wire import Answer
from deployments.engines.rendering import Rendering
from deployments.engines.responses_wire import ResponseAnswer
from deployments.engines.synthetic_request import Ask
from deployments.request import Context, Request
from deployments.response_id import Place, new_response_id

_REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": None,
    "previous_response_id": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "user": None,
}


def rendering(request: Request, ask: Ask, context: Context, *, model: str, place: Place, created: int) -> Rendering:
    """Return what writes the answer of *request*; *created* is Unix time."""
    if request.endpoint == "responses":
        asked = {name: request.body.get(name, default) for name, default in _REPEATED.items()}
        return ResponseAnswer(id=new_response_id(place), created=created, model=model, asked=asked)
    if request.endpoint == "messages":
        return MessageAnswer(id=f"msg_{context.call_id}", model=model, prompt_tokens=ask.prompt_tokens)
    prefix = "chatcmpl" if request.endpoint == "chat" else "cmpl"
    return Answer(
        id=f"{prefix}-{context.call_id}",
        created=created,
        model=model,
        endpoint=request.endpoint,
        include_usage=ask.include_usage,
    )
