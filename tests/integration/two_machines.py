"""A pool of one or two replicas, each of which fills a machine."""

from __future__ import annotations

from typing import Any


def two_machines(cpus: int) -> dict[str, Any]:
    """Return the configuration for machines of *cpus* CPUs."""
    return {
        "models": {
            "dense": {
                "family": "dense",
                "source": "synthetic",
                "runtime": "synthetic",
                "synthetic": {"slots": 8, "step": {"base_ms": 25}},
                "resources": {"cpus": cpus},
                "replicas": {"min": 1, "max": 2},
                "max_waiting": 200,
            }
        },
        "gateway": {"replicas": 2},
        "autoscale": {"policy": "queue", "hold": {"down": "5s"}, "queue": {"target_utilization": 0.6}},
    }
