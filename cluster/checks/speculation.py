"""Speculative decoding: settings that vLLM would refuse only at its start, minutes later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.problems import Loc, Problem, path_of, shown
from cluster.sizing import count
from deployments.engines.drafts import SPECULATION, draft_source

# The other methods read the number from their model's own config.
_COUNTED = (None, "ngram", "draft_model")
_EXAMPLE = "{model: demo/distilled, num_speculative_tokens: 3}"


def misguided(arguments: Mapping[str, Any], engine: Loc) -> Iterator[Problem]:
    """Find what is wrong with the speculative_config of an engine whose arguments stand at *engine*."""
    speculation, loc = arguments.get(SPECULATION), (*engine, SPECULATION)
    if speculation is None:
        return
    if not isinstance(speculation, dict):
        rule = f"is not a section such as {_EXAMPLE}"
        yield Problem(path=path_of(loc), message=f"{shown(speculation)} {rule}", value=speculation)
        return
    source, method = speculation.get("model"), speculation.get("method")
    if not isinstance(source, str | None):
        path = path_of((*loc, "model"))
        yield Problem(path=path, message=f"{shown(source)} is not the source of a model", value=source)
    elif method is None and draft_source(arguments) is None:
        message = f"says not who guesses: give `method: ngram`, or a model, as in {_EXAMPLE}"
        yield Problem(path=path_of(loc), message=message)
    tokens = speculation.get("num_speculative_tokens")
    if method in _COUNTED and count(tokens) is None:
        rule = "is missing; 3 is usual" if tokens is None else f"{shown(tokens)} is not a whole number of at least 1"
        yield Problem(path=path_of((*loc, "num_speculative_tokens")), message=rule, value=tokens)
