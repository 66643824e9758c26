"""What the controller was told, kept by the cluster so that a restarted controller finds it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ray
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

_NAMESPACE = "tercet"


def keep(pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
    """Store the configuration of the calling actor."""
    _internal_kv_put(_key(), json.dumps({"pools": pools, "spec": spec}), overwrite=True, namespace=_NAMESPACE)


def recall() -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
    """Return what the calling actor stored before it was restarted; ``None`` for a new one."""
    stored = _internal_kv_get(_key(), namespace=_NAMESPACE)
    if stored is None:
        return None
    configuration = json.loads(stored)
    return configuration["pools"], configuration["spec"]


def keep_plain(part: str, plain: Mapping[str, Any]) -> None:
    """Store one part of what the calling actor must find again, by its name."""
    _internal_kv_put(_key(part), json.dumps(plain), overwrite=True, namespace=_NAMESPACE)


def recall_plain(part: str) -> dict[str, Any]:
    """Return what the calling actor stored before it was restarted; nothing for a new one."""
    stored = _internal_kv_get(_key(part), namespace=_NAMESPACE)
    found: dict[str, Any] = json.loads(stored) if stored is not None else {}
    return found


def _key(part: str = "configuration") -> str:
    """Return a key that only this actor has; its id outlives its process but not the actor."""
    return f"fleet-controller:{part}:{ray.get_runtime_context().get_actor_id()}"
