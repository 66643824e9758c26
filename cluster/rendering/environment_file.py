"""The chart's copy of the environment, which says what depends on the longest answer."""

from __future__ import annotations

from typing import Any

from cluster.environment import LEAST_CEILING_S
from cluster.rendering.pod_environment import CONNECTIONS, longest_dependent, pod_environment


def environment_file() -> dict[str, Any]:
    """Return ``files/environment.yaml``.

    The variables of ``longest`` are seconds, ``least`` or more; that of ``connections`` is how many a proxy holds; all
    others are ``fixed``.
    """
    longest = longest_dependent()
    fixed = {name: value for name, value in pod_environment(LEAST_CEILING_S).items() if name not in longest}
    fixed.pop(CONNECTIONS)
    return {
        "least": LEAST_CEILING_S,
        "longest": sorted(longest),
        "connections": CONNECTIONS,
        "fixed": dict(sorted(fixed.items())),
    }
