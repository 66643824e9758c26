"""The request side of a transform: a system message and a template around the client's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployments.errors import Invalid
from deployments.graph.subject import Subject
from deployments.graph.texts import texts, with_text
from deployments.request import Endpoint, Request

PROMPT = "prompt"
FIELDS = ("date", "language", "now", "tenant")

_FIELD = re.compile(r"\{([a-z_]+)\}")
_SYSTEM: Mapping[Endpoint, str] = {
    "messages": "system",
    "count_tokens": "system",
    "responses": "instructions",
    "chat": "messages",
}
_SYSTEM_ROLES = ("system", "developer")


def fields(template: str) -> list[str]:
    """Return the names in braces, in their order."""
    return _FIELD.findall(template)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Put *values* in the place of their names in braces, once: what is put in is text and nothing else."""
    return _FIELD.sub(lambda one: values.get(one[1], one[0]), template)


def prompted(request: Request, subject: Subject, *, system: str | None, template: str | None) -> Request:
    """Return *request* with the system message before its own, and its last words within the template.

    Raises Invalid where the endpoint has no place for them, or the prompt is not text.
    """
    if request.endpoint not in {*_SYSTEM, "completion"}:
        return request
    values = _values(subject)
    body: Mapping[str, Any] = request.body
    if template is not None:
        body = _templated(request, template, values)
    if system is not None:
        body = _instructed(replace(request, body=body), filled(system, values))
    return replace(request, body=body)


def _values(subject: Subject) -> dict[str, str]:
    now = subject.context.now
    return {
        "date": now.date().isoformat(),
        "language": subject.language,
        "now": now.isoformat(timespec="seconds"),
        "tenant": subject.context.tenant,
    }


def _templated(request: Request, template: str, values: Mapping[str, str]) -> Mapping[str, Any]:
    asked = [said for said in texts(request) if said.role == "user"]
    if not asked:
        field = "prompt" if request.endpoint == "completion" else "messages"
        raise Invalid(f"{field}: holds no text of a user's to put into this model's template", param=field)
    body: Mapping[str, Any] = request.body
    # Several prompts are several requests in one.
    for said in asked if request.endpoint == "completion" else asked[-1:]:
        body = with_text(body, said.place, filled(template, {**values, PROMPT: said.text}))
    return body


def _instructed(request: Request, system: str) -> Mapping[str, Any]:
    field = _SYSTEM.get(request.endpoint)
    if field is None:
        raise Invalid("model: has a system message, for which a completion has no place; use a chat", param="model")
    if field == "messages":
        return {**request.body, "messages": _begun(request.body["messages"], system)}
    theirs = request.body.get(field)
    if isinstance(theirs, list):
        return {**request.body, field: [{"type": "text", "text": system}, *theirs]}
    return {**request.body, field: f"{system}\n\n{theirs}" if theirs else system}


def _begun(messages: list[Any], system: str) -> list[Any]:
    """Put *system* first; many chat templates take one system message only, so one that is there is added to."""
    first = messages[0] if messages and isinstance(messages[0], Mapping) else {}
    if first.get("role") not in _SYSTEM_ROLES:
        return [{"role": "system", "content": system}, *messages]
    theirs = first.get("content")
    content = (
        [{"type": "text", "text": system}, *theirs]
        if isinstance(theirs, list)
        else f"{system}\n\n{theirs}" if theirs else system
    )  # fmt: skip
    return [{**first, "content": content}, *messages[1:]]
