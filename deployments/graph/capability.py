"""What models give and graph nodes need, so that a graph that cannot work is refused when it is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, get_args

from deployments.request import Endpoint
from deployments.strict import Loc

# Beside the endpoints that it answers: ``text`` and ``vectors`` are what a model's answers consist of; ``logprobs``
# come in the frames of a judged request, ``ids`` in those of a traced one; ``resume`` is to continue an answer that
# another began; ``images`` are taken in a prompt.
Feature = Literal["text", "vectors", "logprobs", "ids", "resume", "images"]
Capability = Endpoint | Feature
Capabilities = frozenset[Capability]

NOTHING: Capabilities = frozenset()
EVERYTHING: Capabilities = frozenset((*get_args(Endpoint), *get_args(Feature)))

_TOLD: Mapping[Capability, str] = {
    "text": "text",
    "vectors": "vectors",
    "logprobs": "log-probabilities",
    "ids": "token ids",
    "resume": "answers continued where another broke off",
    "images": "answers to images",
}


class Need(NamedTuple):
    """What a node cannot do without from one of its targets; ``because`` is the place in its section that asks."""

    target: str
    what: Capability
    because: Loc = ()


def common(given: Iterable[Capabilities]) -> Capabilities:
    """Return what all of several targets give; nothing where there is none."""
    sets = list(given)
    return frozenset.intersection(*sets) if sets else NOTHING


def told(what: Capability) -> str:
    """Write a capability as people say it."""
    return _TOLD.get(what, f"an answer on {what}")
