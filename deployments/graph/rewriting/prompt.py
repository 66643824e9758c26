"""The texts of a request, wherever its endpoint has them, and requests with other texts in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from deployments.errors import Invalid
from deployments.graph.rewriting.leaves import Change, TooDeep, changed
from deployments.request import Request

# Fields that hold what people wrote, and those that say who they are.
FIELDS = (
    "messages", "prompt", "suffix", "system", "instructions", "input", "query", "queries", "documents", "items",
    "text_1", "text_2", "data_1", "data_2", "tools", "functions", "prediction", "stop", "stop_sequences", "user",
    "safety_identifier", "metadata", "structured_outputs", "response_format", "text", "output_config",
    "chat_template_kwargs",
)  # fmt: skip
_ORDER = {field: at for at, field in enumerate(FIELDS)}
_PROMPTS = ("prompt", "input")


class Prompted(NamedTuple):
    """A text of a request, and the field that holds it; ``source`` says that it is JSON source."""

    field: str
    text: str
    source: bool


def texts_of(request: Request) -> list[Prompted]:
    """Return every text; raises Invalid for what is nested too deep to be searched."""
    found: list[Prompted] = []
    for field in _present(request):

        def note(text: str, source: bool, field: str = field) -> str:
            found.append(Prompted(field, text, source))
            return text

        _changed(request, field, note, note)
    return found


def with_texts(request: Request, change: Change) -> Request:
    """Return *request* with each of its texts changed; itself where none is.

    Raises Invalid for what is nested too deep, and where a pattern or a grammar had to change, which then might be
    none, or one of something else.
    """
    body: Mapping[str, Any] = request.body
    for field in _present(request):

        def same(text: str, source: bool, field: str = field) -> str:
            if change(text, source) != text:
                told = "a pattern, a grammar or a schema in a string holds what cannot be replaced there"
                raise Invalid(f"{field}: {told}; leave it out", param=field)
            return text

        other = _changed(request, field, change, same)
        if other is not request.body.get(field):
            body = {**body, field: other}
    return request if body is request.body else replace(request, body=body)


def _present(request: Request) -> list[str]:
    """Return which of the fields there are, in their order: most requests have one or two."""
    return sorted((name for name, value in request.body.items() if value is not None and name in _ORDER), key=_placed)


def _placed(field: str) -> int:
    return _ORDER[field]


def _changed(request: Request, field: str, change: Change, patterns: Change) -> Any:
    try:
        return changed(request.body.get(field), change, field, patterns=patterns)
    except TooDeep as error:
        raise Invalid(f"{field}: {error}", param=field) from None


def readable(request: Request, name: str) -> None:
    """Raise Invalid for a prompt of token ids, which *name* could not search."""
    for field in _PROMPTS:
        if any(isinstance(one, int) for one in _flat(request.body.get(field))):
            raise Invalid(f"{field}: holds token ids, which {name} cannot search; send text", param=field)


def _flat(value: Any) -> Iterator[Any]:
    for one in value if isinstance(value, list) else ():
        yield from one if isinstance(one, list) else (one,)
