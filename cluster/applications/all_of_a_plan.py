"""From a plan to every Ray Serve application: one for the gateway, one for each pool."""

from __future__ import annotations

from pathlib import Path

from ray import serve

from cluster.applications.gateway import gateway_target
from cluster.applications.pools import pool_targets
from cluster.plan import Plan


def applications(plan: Plan, *, state_dir: Path, cache: str | None) -> list[serve.RunTarget]:
    """Return every application; the gateway is first so that /health answers while pools load."""
    return [gateway_target(plan.gateway), *pool_targets(plan, plan.pools, state_dir=state_dir, cache=cache)]
