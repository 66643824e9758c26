"""What the fleet controller is told of a plan: pools, hardware, and where costs are kept."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cluster.plan import Plan, PoolPlan
from cluster.run_state import BOOK
from deployments.cost.settings import CostSettings
from deployments.pool.transport import ENGINE_DEPLOYMENT, application_of


def fleet_pools(plan: Plan) -> list[dict[str, Any]]:
    """Return what the fleet controller must know of each pool: fields of ``autoscale.pools.PoolSettings``."""
    return [
        {
            "name": pool.name,
            "application": application_of(pool.name),
            "deployment": ENGINE_DEPLOYMENT,
            "min_replicas": pool.min_replicas,
            "max_replicas": pool.max_replicas,
            "initial_replicas": pool.initial_replicas,
            "slots": pool.slots,
            "ttft_p95_s": pool.ttft_p95_s,
            "tpot_p95_s": pool.tpot_p95_s,
            "late": pool.late,
            "hardware": hardware(pool),
            "priority": pool.priority,
            "stand_ins": list(pool.stand_ins),
            "profile": asdict(pool.profile) if pool.profile is not None else None,
        }
        for pool in plan.pools
    ]


def book_settings(plan: Plan, directory: Path) -> dict[str, Any]:
    """Return where the fleet controller keeps costs: fields of ``autoscale.controller.bookkeeping.BookSettings``."""
    settings = CostSettings.model_validate(plan.costs)
    return {
        "file": settings.file or str(directory / BOOK),
        "keep_hours": math.ceil(settings.keep / 3600),
        "currency": settings.currency,
        "pools": {
            pool.name: {"gpus": pool.gpus, "cpus": pool.cpus, "cost_per_hour": pool.cost_per_hour}
            for pool in plan.pools
        },
    }


def hardware(pool: PoolPlan) -> dict[str, Any]:
    """Return what one replica takes: fields of ``autoscale.hardware.Hardware``.

    Where nobody said what it costs, a GPU counts as much as any other, and as a CPU of a pool that has no GPUs.
    """
    cost = pool.cost_per_hour if pool.cost_per_hour is not None else pool.gpus or pool.cpus or 1.0
    return {"kind": "gpu" if pool.gpus else "cpu", "gpus": pool.gpus, "cpus": pool.cpus, "cost_per_hour": cost}
