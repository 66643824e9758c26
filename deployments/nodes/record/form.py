"""Fill in a record from a request and what was heard of its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from deployments.nodes.record.heard import Heard
from deployments.request import Context, Request
from deployments.telemetry.records import MOST_TEXT, Record


def filled_in(
    node: str,
    request: Request,
    context: Context,
    heard: Heard,
    outcome: str,
    *,
    kind: Literal["request", "shadow"] = "request",
    text: bool,
    headers: Iterable[str] = (),
    arms: Mapping[str, str],
) -> Record:
    """Return the record that *node* keeps; *context* is the one that the node was called with."""
    head = heard.head
    answer = heard.text if text else None
    body = request.body if text and _fits(request, context, answer) else None
    return Record(
        kind=kind,
        request_id=context.request_id,
        at_s=context.now.timestamp(),
        node=node,
        entry=context.path[0] if context.path else node,
        endpoint=request.endpoint,
        outcome=outcome,
        duration_s=heard.elapsed_s,
        stream=request.stream,
        tenant=context.tenant,
        headers={name: context.headers[name] for name in headers if name in context.headers},
        arms=dict(arms),
        path=head.path if head is not None else (*context.path, node),
        model=head.model if head is not None else "",
        ttft_s=heard.ttft_s,
        prompt_tokens=heard.prompt_tokens,
        completion_tokens=heard.tokens,
        finish_reason=heard.finish_reason,
        body=body,
        answer=answer if body is not None else None,
    )


def _fits(request: Request, context: Context, answer: str | None) -> bool:
    """Tell whether body and answer are small enough; the body's size is what the client declared, where it did."""
    if answer is None:
        return False
    declared = context.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < len(str(2**63)) else _size(request.body)
    return size + len(answer) <= MOST_TEXT


def _size(body: Mapping[str, Any]) -> int:
    try:
        return len(msgspec.json.encode(body))
    except (UnicodeEncodeError, TypeError, ValueError):  # half a surrogate pair, which JSON can carry and UTF-8 cannot
        return MOST_TEXT + 1
