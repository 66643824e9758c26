"""The end of a cluster: refuse, let running requests finish, delete."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from cluster.lifecycle.deployment import run
from cluster.lifecycle.fleet import fleet_status
from cluster.obstacles import CannotServeError
from cluster.plan import Plan

POOL_STOP_S = 30.0
QUIET_READINGS = 3  # a gateway reports once a second


def take_down(plan: Plan, *, drain_s: float, hurry: threading.Event) -> None:
    """Refuse new requests, let running ones finish within *drain_s* or until *hurry* is set, then delete everything.

    The gateway is told to refuse before it is deleted: without a gateway the proxy would answer 404, which clients
    do not retry. Serve's own system processes are left to the end of the cluster: there is nothing in them to drain.
    """
    from ray import serve  # noqa: PLC0415

    from cluster.applications.gateway import gateway_target  # noqa: PLC0415
    from cluster.applications.names import GATEWAY_APP  # noqa: PLC0415

    settings = {**plan.gateway.settings, "draining": True}
    run([gateway_target(replace(plan.gateway, settings=settings))])
    until = time.monotonic() + drain_s
    quiet = 0
    while quiet < QUIET_READINGS and time.monotonic() < until and not hurry.wait(1.0):
        quiet = 0 if _in_flight() else quiet + 1
    if not hurry.is_set():
        _delete([GATEWAY_APP], within_s=POOL_STOP_S)
        _delete(list(serve.status().applications), within_s=POOL_STOP_S)


def _in_flight() -> int:
    """Count the requests that gateways report as under way; an unknown number counts as one."""
    try:
        status = fleet_status()
        return sum(one["in_flight"] or 0 for one in (*status["pools"].values(), *status["elsewhere"].values()))
    except CannotServeError:
        return 1


def _delete(names: Sequence[str], *, within_s: float) -> None:
    from ray import serve  # noqa: PLC0415

    for name in names:
        serve.delete(name, _blocking=False)
    until = time.monotonic() + within_s
    while set(names) & set(serve.status().applications) and time.monotonic() < until:
        time.sleep(0.25)
