"""A pool over two machines, on real Ray with several raylets: it grows onto one that comes, and outlives one that dies.

The last test breaks every part in turn while clients go on asking.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from cluster.machine import this_machine
from tests.crowd import Crowd, crowd
from tests.integration.cluster import eventually
from tests.integration.two_machines import two_machines
from tests.machines import machine
from tests.serving import Serving, serving, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

CPUS = int(this_machine().cpus)
CLIENTS = 8


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(two_machines(CPUS), tmp_path_factory.mktemp("machines"), ready_within_s=120) as one:
        yield one


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


def _brief(told: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what a failure need not show."""
    shown = ("stages", "target", "blind", "in_flight", "running", "waiting", "decision")
    return None if told is None else {name: told[name] for name in shown}


def test_a_pool_grows_onto_a_machine_that_comes_and_outlives_it(cluster: Serving) -> None:
    """Until it comes the replica waits for a place; its death costs no token; afterwards the pool is as before."""
    with crowd(cluster.url, "dense", clients=CLIENTS) as clients:
        becomes(cluster, ready=1, requested=1, within_s=30)
        with machine(cluster, 3, cpus=CPUS) as second:
            becomes(cluster, ready=2, within_s=60)
            until(lambda: _all_work(dense(cluster)), within_s=20, what="both replicas at work")
            second.die()
        becomes(cluster, ready=1, requested=1, within_s=60)
    assert (clients.failures, clients.lost) == ([], 0)
    assert clients.resumed > 0
    assert clients.whole > CLIENTS
    _converges(cluster)


def test_whatever_breaks_during_a_burst_everyone_is_answered_and_the_fleet_converges(cluster: Serving) -> None:
    """Controller, engine and machine cost no client anything; a gateway only the streams that it held."""
    with machine(cluster, 4, cpus=CPUS) as second, crowd(cluster.url, "dense", clients=CLIENTS) as clients:
        becomes(cluster, ready=2, within_s=90)
        for break_it in (_kill_controller, _kill_engine):
            _breaks(cluster, clients, break_it)
            becomes(cluster, ready=2, within_s=60)
        _breaks(cluster, clients, lambda _: second.die())
        assert clients.failures == []
        _breaks(cluster, clients, _kill_gateway)
    assert clients.lost == 0
    assert len(clients.failures) <= CLIENTS, clients.failures
    _converges(cluster)


def _breaks(one: Serving, clients: Crowd, break_it: Callable[[Serving], None]) -> None:
    """Break something, and see that everyone is answered twice afterwards."""
    before = clients.whole
    break_it(one)
    until(lambda: clients.whole >= before + 2 * CLIENTS, within_s=60, what="clients that are answered")


def _converges(one: Serving) -> None:
    """Without work the pool is at its minimum, with everything in sight and nothing left in its engines."""
    eventually(lambda: _brief(dense(one)), _settled, within_s=90)


def _settled(told: dict[str, Any] | None) -> bool:
    return told is not None and (
        told["stages"] == {"ready": 1} and not told["blind"] and not told["in_flight"] and not told["running"]
    )


def _all_work(told: dict[str, Any] | None) -> bool:
    return told is not None and all(replica["running"] for replica in told["replicas"])


def _kill_controller(one: Serving) -> None:
    _titled(one, "ray::FleetController").kill()


def _kill_engine(one: Serving) -> None:
    one.replicas("dense")[0].kill()


def _kill_gateway(one: Serving) -> None:
    one.gateways()[0].kill()


def _titled(one: Serving, title: str) -> psutil.Process:
    return next(process for process in one.processes() if " ".join(process.cmdline()).startswith(title))
