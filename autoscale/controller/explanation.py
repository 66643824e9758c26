"""Why one pool has its size, picked out of the controller's status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANGES = 10
_SHOWN = ("target", "published", "min", "max", "stages", "pin", "proposal", "decision", "brown_out", "blind")


def explanation(status: Mapping[str, Any], pool: str) -> dict[str, Any]:
    """Return everything about *pool* with its last changes; empty where there is none of that name."""
    if pool not in status["pools"]:
        return {}
    return {
        "pool": pool,
        **{name: status[name] for name in ("at_s", "mode", "policy")},
        **status["pools"][pool],
        "changes": [entry for entry in status["decisions"] if entry["pool"] == pool][-CHANGES:],
    }


def overview(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return of every pool what an operator decides on."""
    return {
        **{name: status[name] for name in ("at_s", "mode", "policy", "errors")},
        "pools": {name: {part: pool[part] for part in _SHOWN} for name, pool in status["pools"].items()},
    }
