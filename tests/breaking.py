"""A pool over two machines whose parts are broken while clients go on asking, and how it is seen to recover."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import psutil

from tests.crowd import Crowd
from tests.integration.cluster import eventually
from tests.serving import Serving, titled, until

_SHOWN = ("stages", "target", "blind", "in_flight", "running", "waiting", "decision")


def dense(one: Serving) -> dict[str, Any] | None:
    """Return the controller's view of the pool, None while the controller is away."""
    try:
        told: dict[str, Any] = one.status()["pools"]["dense"]
    except subprocess.CalledProcessError:
        return None
    return told


def becomes(one: Serving, *, within_s: float, **stages: int) -> None:
    """Wait until the pool's replicas are in exactly these stages."""
    eventually(
        lambda: _brief(dense(one)), lambda told: told is not None and told["stages"] == stages, within_s=within_s
    )


def breaks(one: Serving, clients: Crowd, break_it: Callable[[Serving], None], *, everyone: int) -> None:
    """Break something, and see that *everyone* is answered twice afterwards."""
    before = clients.whole
    break_it(one)
    until(lambda: clients.whole >= before + 2 * everyone, within_s=60, what="clients that are answered")


def converges(one: Serving, *, within_s: float = 90) -> None:
    """Wait until the idle pool is at its minimum, with everything in sight and nothing left in its engines."""
    eventually(lambda: _brief(dense(one)), _settled, within_s=within_s)


def all_work(one: Serving) -> bool:
    """Say whether every replica answers somebody."""
    told = dense(one)
    return told is not None and all(replica["running"] for replica in told["replicas"])


def kill_controller(one: Serving) -> None:
    """Kill the process of the fleet controller."""
    _titled(one, "ray::FleetController").kill()


def kill_engine(one: Serving) -> None:
    """Kill one replica."""
    one.replicas("dense")[0].kill()


def kill_gateway(one: Serving) -> None:
    """Kill one gateway."""
    one.gateways()[0].kill()


def _titled(one: Serving, title: str) -> psutil.Process:
    return next(process for process in one.processes() if titled(process).startswith(title))


def _brief(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what a failure need not show."""
    return None if told is None else {name: told[name] for name in _SHOWN}


def _settled(told: Mapping[str, Any] | None) -> bool:
    return told is not None and (
        told["stages"] == {"ready": 1} and not told["blind"] and not told["in_flight"] and not told["running"]
    )
