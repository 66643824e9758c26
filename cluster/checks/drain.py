"""A pool that is given less time to drain than a request may take cuts streams when it shrinks."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.parts import Parts
from cluster.problems import Problem, path_of


def too_short(parts: Parts, request_timeout_s: float) -> Iterator[Problem]:
    """Find pools whose ``drain`` ends before the longest request would."""
    for name, model in parts.models.items():
        loc = ("models", name, "drain")
        if parts.sound(*loc) and model.drain < request_timeout_s:
            than = f"gateway.request_timeout ({request_timeout_s:g} s); a shrinking pool would cut streams"
            yield Problem(path=path_of(loc), message=f"{model.drain:g} s is less than {than}", value=model.drain)
