"""What Ray Serve makes of a target: its rules around every policy (ray 2.60, ``serve/autoscaling_policy.py``)."""

from __future__ import annotations

# Serve's control loop runs every 0.1 s; a handle that holds a request for a pool without replicas tells it at once.
WAKE_S = 0.2


def serve_target(asked: int, *, current: int, running: int, requests: int, min_replicas: int, max_replicas: int) -> int:
    """Return the target that Serve steers to when its policy asks for *asked* replicas and it has *current* now.

    While no replica runs and requests wait, the policy is not asked: there is one replica, or as many as there were to
    be. A pool with requests never goes to zero, and one above one replica not in one step: it passes through 1.
    """
    if running == 0 and requests > 0:
        return max(1, current)
    if asked <= 0 and (requests > 0 or current > 1):
        asked = 1
    return max(min_replicas, min(max_replicas, asked))
