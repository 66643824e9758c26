"""The texts of a request, wherever its endpoint has them, and requests with other texts in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from deployments.errors import Invalid
from deployments.graph.rewriting.leaves import Change, changed
from deployments.request import Request

# Fields that hold what people wrote, and those that say who they are.
FIELDS = (
    "messages", "prompt", "suffix", "system", "instructions", "input", "query", "queries", "documents", "items",
    "text_1", "text_2", "data_1", "data_2", "tools", "functions", "prediction", "stop", "stop_sequences", "user",
    "safety_identifier", "metadata",
)  # fmt: skip
_PROMPTS = ("prompt", "input")


class Prompted(NamedTuple):
    """A text of a request, and the field that holds it; ``source`` says that it is JSON source."""

    field: str
    text: str
    source: bool


def texts_of(request: Request) -> list[Prompted]:
    """Return every text."""
    found: list[Prompted] = []
    for field in FIELDS:

        def note(text: str, source: bool, field: str = field) -> str:
            found.append(Prompted(field, text, source))
            return text

        changed(request.body.get(field), note, field)
    return found


def with_texts(request: Request, change: Change) -> Request:
    """Return *request* with each of its texts changed; itself where none is."""
    body: Mapping[str, Any] = request.body
    for field in FIELDS:
        value = request.body.get(field)
        other = changed(value, change, field)
        if other is not value:
            body = {**body, field: other}
    return request if body is request.body else replace(request, body=body)


def readable(request: Request, name: str) -> None:
    """Raise Invalid for a prompt of token ids, which *name* could not search."""
    for field in _PROMPTS:
        if any(isinstance(one, int) for one in _flat(request.body.get(field))):
            raise Invalid(f"{field}: holds token ids, which {name} cannot search; send text", param=field)


def _flat(value: Any) -> Iterator[Any]:
    for one in value if isinstance(value, list) else ():
        yield from one if isinstance(one, list) else (one,)
