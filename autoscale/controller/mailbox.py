"""Serve's scaling policy for a pool: hand over the target that the fleet controller published last."""

from __future__ import annotations

import logging
from typing import Any

from autoscale.controller.subscription import subscribe

log = logging.getLogger("ray.serve")


class Mailbox:
    """Answer at once, always, with a number.

    Serve calls this inside its control loop: waiting here stops every deployment, and an exception stops this
    application and all after it. Whatever goes wrong, the pool stays as it is.
    """

    def __init__(self, pool: str, namespace: str) -> None:
        self._pool = pool
        self._subscription = subscribe(namespace)
        self._failed = False

    def __call__(self, ctx: Any) -> tuple[int, dict[str, Any]]:
        """Return the replicas to have, and no state."""
        try:
            return replicas_to_have(self._subscription.target(self._pool), ctx), {}
        except Exception:
            if not self._failed:
                log.exception("mailbox of pool %s failed; holding", self._pool)
            self._failed = True
            return int(ctx.target_num_replicas), {}


def replicas_to_have(target: int | None, ctx: Any) -> int:
    """Return *target* inside Serve's own bounds, or what Serve has where nothing was published."""
    if target is None:
        return int(ctx.target_num_replicas)
    if target == 0 and ctx.total_num_requests > 0:
        # A request came after the target was set, and Serve has started a replica for it: do not take it away.
        target = 1
    return int(max(ctx.capacity_adjusted_min_replicas, min(ctx.capacity_adjusted_max_replicas, target)))
