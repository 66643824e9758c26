"""The draft model of an engine that speculates: its place among the engine's arguments, and where it is loaded from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SPECULATION = "speculative_config"
# Methods that guess from the text alone; vLLM takes a model for every other one.
WITHOUT_MODEL = ("ngram", "ngram_gpu", "suffix")


def draft_source(arguments: Mapping[str, Any]) -> str | None:
    """Return the source of the draft model, or None where the engine has none of its own."""
    speculation = arguments.get(SPECULATION)
    if not isinstance(speculation, Mapping) or speculation.get("method") in WITHOUT_MODEL:
        return None
    source = speculation.get("model")
    return source if isinstance(source, str) and source not in WITHOUT_MODEL else None


def with_draft(arguments: Mapping[str, Any], checkpoint: str) -> dict[str, Any]:
    """Return the arguments with the draft model loaded from *checkpoint*."""
    return {**arguments, SPECULATION: {**arguments[SPECULATION], "model": checkpoint}}


def all_local(checkpoint: str, arguments: Mapping[str, Any]) -> bool:
    """Say whether every model of the engine is on this machine, so that no hub need be asked."""
    draft = draft_source(arguments)
    return Path(checkpoint).is_absolute() and (draft is None or Path(draft).is_absolute())
