"""Whether it is worth waiting for a pool, judged from the controller's last word."""

from __future__ import annotations

from deployments.errors import NoReplica
from deployments.signals import FleetView

# A pool whose replicas are all gone heals by loading a model again: tens of seconds, seldom less. Where nobody knows.
HEALING_RETRY_AFTER_S = 15.0
# Whoever asks again is answered by the graph of now, which leads to pools that are there.
GONE_RETRY_AFTER_S = 1.0
# People take their time.
OPERATOR_RETRY_AFTER_S = 30.0


def refusal(pool: str, view: FleetView | None) -> NoReplica | None:
    """Say why a request should not wait for *pool*, or None when it may.

    A pool at zero replicas on purpose (its target was 0 and is being raised) holds its requests, unless an operator has
    to say something first; one that lost the replicas it should have refuses them, because fallback or a later retry
    serves the client better than silence. A pool that the controller does not know while it knows others has been
    removed: a new one is known before any graph leads to it.
    """
    if view is None or not view.pools:  # a controller that starts anew knows no pools
        return None
    state = view.pools.get(pool)
    if state is None:
        return NoReplica(f"there is no pool {pool} any more", retry_after_s=GONE_RETRY_AFTER_S)
    if state.ready > 0 or (state.scaled_to_zero and not state.kept_empty):
        return None
    if state.scaled_to_zero:
        return NoReplica(f"{pool} has no replica: {state.kept_empty}", retry_after_s=OPERATOR_RETRY_AFTER_S)
    return NoReplica(
        f"no replica of {pool} is ready ({state.starting} starting, {state.target} wanted)",
        retry_after_s=state.ready_in_s or HEALING_RETRY_AFTER_S,
    )


def waking_s(pool: str, view: FleetView | None) -> float | None:
    """Return about how long a pool without a ready replica still needs, None where that is unknown or over."""
    state = view.pools.get(pool) if view is not None else None
    return None if state is None or state.ready else state.ready_in_s
