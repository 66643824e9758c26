"""What can stand in the way of serving, found before anything is started and said in one sentence with the way out."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from cluster.memory import shortage
from cluster.plan import Plan
from cluster.ports import obstacle
from cluster.run_state import read
from cluster.store_obstacle import store_obstacle
from deployments.gateway.admin_guard import fault
from deployments.gateway.admin_settings import AdminSettings


class CannotServeError(Exception):
    """The cluster cannot start or be reached; the message is one sentence with the way out."""


def refuse_obstacles(plan: Plan, directory: Path) -> None:
    """Raise CannotServeError for whatever stands in the way of starting: found before anything is started."""
    short = shortage(plan, psutil.virtual_memory().available)
    if short:
        raise CannotServeError(short)
    unguarded = fault(AdminSettings.model_validate(plan.gateway.settings["admin"]))
    if unguarded:
        raise CannotServeError(f"gateway.admin: {unguarded}: set one, or leave gateway.admin out.")
    if closed := store_obstacle(plan.gateway.settings):
        raise CannotServeError(closed)
    running = read(directory)
    if running is not None:
        raise CannotServeError(
            f"Tercet already serves {running.http} (process {running.pid}): stop it with `tercet down`, "
            "or choose another gateway.port."
        )
    admin = plan.gateway.settings["admin"]
    addresses = [(plan.gateway.host, plan.gateway.port), *([(admin["host"], admin["port"])] if admin["port"] else [])]
    for host, port in addresses:
        if taken := obstacle(host, port):
            raise CannotServeError(taken if port == plan.gateway.port else f"gateway.admin.port: {taken}")
    if os.environ.get("RAY_ADDRESS"):
        raise CannotServeError(
            f"RAY_ADDRESS points to a Ray cluster that already runs ({os.environ['RAY_ADDRESS']}): "
            "unset it to serve from a cluster of this machine's own."
        )
