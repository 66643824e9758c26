"""Why a request does not wake a pool that has no replica."""

from __future__ import annotations

from autoscale.controller.steering import Steering


def kept_empty(pool: str, steering: Steering) -> str:
    """Return what an operator has said, or has still to say, before *pool* may have a replica; "" where nothing."""
    pin = steering.pins.of(pool)
    if pin is not None:
        return "" if pin.replicas else "an operator has pinned it to none"
    proposal, status = steering.proposals.known(pool) or (None, "")
    if proposal is None or proposal.before or status == "approved":
        return ""
    known = f"proposal {proposal.id}"
    if status == "rejected":
        return f"an operator has rejected {known} for a first one"
    return f"a first one waits until an operator approves {known}"
