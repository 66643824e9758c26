"""The plan of a declared cluster, kept by the cluster itself: it is there exactly as long as Serve's own state."""

from __future__ import annotations

import msgspec
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

from cluster.running_plan import RunningPlan

_NAMESPACE = "tercet"
_KEY = "reconciler:plan"


def keep(running: RunningPlan) -> None:
    """Write down what runs."""
    _internal_kv_put(_KEY, msgspec.json.encode(running), overwrite=True, namespace=_NAMESPACE)


def recall() -> RunningPlan | None:
    """Return what runs; None where nothing does, or where another version wrote it down differently."""
    stored = _internal_kv_get(_KEY, namespace=_NAMESPACE)
    try:
        return None if stored is None else msgspec.json.decode(stored, type=RunningPlan)
    except msgspec.MsgspecError:
        return None
