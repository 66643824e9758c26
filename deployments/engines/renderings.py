"""Choose how an answer is written that no serving layer of an engine's own writes."""

from __future__ import annotations

from typing import Any

from deployments.engines.messages_wire import MessageAnswer
from deployments.engines.openai_wire import Answer
from deployments.engines.rendering import Rendering
from deployments.engines.responses_wire import ResponseAnswer
from deployments.request import Context, Request

_REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": None,
    "previous_response_id": None,
    "temperature": 1.0,
    "top_p": 1.0,
    "user": None,
}


def rendering_of(
    request: Request, context: Context, *, model: str, prompt_tokens: int, created: int, response_id: str | None = None
) -> Rendering:
    """Return what writes the answer of *request*; *created* is Unix time.

    A response that is kept has the id by which it is found; without one it is told to be of no stored answer.
    """
    if request.endpoint == "responses":
        asked = {name: request.body.get(name, default) for name, default in _REPEATED.items()}
        if response_id is None:
            return ResponseAnswer(
                id=f"resp_{context.call_id}", created=created, model=model, asked={**asked, "store": False}
            )
        return ResponseAnswer(id=response_id, created=created, model=model, asked=asked)
    if request.endpoint == "messages":
        return MessageAnswer(id=f"msg_{context.call_id}", model=model, prompt_tokens=prompt_tokens)
    prefix = "chatcmpl" if request.endpoint == "chat" else "cmpl"
    return Answer(
        id=f"{prefix}-{context.call_id}",
        created=created,
        model=model,
        endpoint=request.endpoint,
        include_usage=request.stream and _wants_usage(request),
    )


def _wants_usage(request: Request) -> bool:
    options = request.body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))
