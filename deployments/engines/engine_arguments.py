"""The engine arguments that a config may set, known without importing vllm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LIST = "vllm_argument_names.json"

# A pool's own keys say these; a second voice could only contradict them.
RESERVED: Mapping[str, str] = {
    "model": "is the pool's `source:`",
    "served_model_name": "is the pool's name",
    "lora_modules": "is the pool's `adapters:`",
    "disable_log_stats": "would blind the autoscaler; leave it out",
    "limit_mm_per_prompt": "follows from the pool's `media:`",
    "allowed_media_domains": "is the pool's `media.allowed_hosts`",
    "allowed_local_media_path": "would let clients read files of the machine; let them send data URLs",
    "enable_mm_embeds": "would let clients hand over tensors, of which one of a wrong shape ends the engine",
}


@cache
def known_arguments() -> frozenset[str]:
    """Return the names that may stand under ``engine:``, as vllm_arguments wrote them down."""
    return frozenset(json.loads(files(__package__).joinpath(LIST).read_text("utf-8"))) - RESERVED.keys()


def as_flags(arguments: Mapping[str, Any]) -> list[str]:
    """Return *arguments* as vLLM's command line, whose parser then checks every type; None means unset."""
    return [flag for name, value in arguments.items() if value is not None for flag in _flags(name, value)]


def _flags(name: str, value: Any) -> Iterator[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        yield flag if value else flag.replace("--", "--no-", 1)
    elif isinstance(value, list | tuple):
        yield flag
        yield from (_text(item) for item in value)
    else:
        yield f"{flag}={_text(value)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
