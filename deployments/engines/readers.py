"""How each endpoint's answers are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployments.engines import messages_fields, responses_fields, wire_fields
from deployments.engines.wire_fields import Fields
from deployments.request import Endpoint


def _nothing(_: bytes) -> Fields:
    return Fields()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads events of a stream, and whole bodies; vectors, scores and tokens say nothing that a node looks at."""

    event: Callable[[bytes], Fields] = _nothing
    body: Callable[[bytes], Fields] = _nothing


_RESPONSES = Reader(responses_fields.of_event, responses_fields.of_body)
_READERS: Mapping[Endpoint, Reader] = {
    "chat": Reader(wire_fields.of_event, wire_fields.of_body),
    "completion": Reader(wire_fields.of_event, wire_fields.of_body),
    "responses": _RESPONSES,
    "response": _RESPONSES,
    "messages": Reader(messages_fields.of_event, messages_fields.of_body),
}
_OTHER = Reader()


def reader_of(endpoint: Endpoint) -> Reader:
    """Return how the answers of *endpoint* are read."""
    return _READERS.get(endpoint, _OTHER)
