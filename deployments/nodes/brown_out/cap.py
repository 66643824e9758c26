"""Shorter answers for the classes that can best do with less, while capacity is late."""

from __future__ import annotations

from deployments.graph.limits import DEFAULTS, FIELDS, limit_of, limited
from deployments.nodes.brown_out.spec import CapSpec
from deployments.request import Context, Request


def lower_limit(cap: CapSpec | None, request: Request, context: Context) -> int | None:
    """Return the limit on this answer that is lower than the client's, None where it keeps that.

    What a client asks for at least, it gets.
    """
    if cap is None or context.group not in cap.classes or request.endpoint not in FIELDS:
        return None
    least, allowed = request.body.get("min_tokens"), limit_of(request) or DEFAULTS.get(request.endpoint)
    most = max(cap.max_tokens, least if isinstance(least, int) else 0)
    return most if allowed is None or allowed > most else None


def capped(request: Request, limit: int | None) -> Request:
    """Return *request* with that limit, if it is one."""
    return request if limit is None else limited(request, limit)
