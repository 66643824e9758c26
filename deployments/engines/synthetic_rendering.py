"""Choose how a synthetic engine writes an answer."""

from __future__ import annotations

from deployments.engines.rendering import Rendering
from deployments.engines.renderings import rendering_of
from deployments.engines.synthetic_request import Ask
from deployments.request import Context, Request
from deployments.response_id import Place, new_response_id


def rendering(request: Request, ask: Ask, context: Context, *, model: str, place: Place, created: int) -> Rendering:
    """Return what writes the answer of *request*; *created* is Unix time."""
    return rendering_of(
        request,
        context,
        model=model,
        prompt_tokens=ask.prompt_tokens,
        created=created,
        response_id=new_response_id(place, context.tenant),
    )
