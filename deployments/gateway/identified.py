"""Routes that use nothing of a model: whoever asks is identified, and errors are told as everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from deployments.errors import ServingError
from deployments.gateway.caller import Caller, called_by
from deployments.gateway.gateway import Gateway
from deployments.gateway.wire_errors import error_response

Handler = Callable[[HttpRequest], Awaitable[Response]]


async def caller_of(gateway: Gateway, http: HttpRequest) -> Caller | None:
    """Return who asks, None where everybody may; raises a ServingError where nobody is known."""
    door = gateway.live.door
    return None if door is None else await called_by(door, http.headers, gateway.entrance.now_us())


def told(handle: Handler) -> Handler:
    """Return *handle* with its errors as answers."""

    async def handled(http: HttpRequest) -> Response:
        try:
            return await handle(http)
        except ServingError as error:
            return error_response(error, request_id=http.state.request_id)

    return handled
