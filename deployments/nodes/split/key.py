"""By what a caller is told again: the key that keeps it on the same arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from deployments.request import Context, Request

Sticky = Literal["tenant", "session", "user", "request"]

SESSION_HEADER = "x-session-id"
NOBODY = "anonymous"
_USER_FIELDS = ("safety_identifier", "user")


def sticky_key(sticky: Sticky, request: Request, context: Context) -> tuple[Sticky, str]:
    """Return what the request is told by, and the key; its own id where it does not say what was asked for.

    A tenant that is not named is nobody in particular: all of them on one arm would be no split.
    """
    named = {
        "tenant": context.tenant if context.tenant != NOBODY else "",
        "session": context.headers.get(SESSION_HEADER, ""),
        "user": _user(request.body),
        "request": context.request_id,
    }[sticky]
    return (sticky, named) if named else ("request", context.request_id)


def _user(body: Mapping[str, Any]) -> str:
    """Return the user that the body names, in OpenAI's fields or Anthropic's."""
    metadata = body.get("metadata")
    named = [body.get(field) for field in _USER_FIELDS]
    named.append(metadata.get("user_id") if isinstance(metadata, Mapping) else None)
    return next((one for one in named if isinstance(one, str) and one), "")
