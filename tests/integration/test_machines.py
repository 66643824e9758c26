"""A pool over two machines, on real Ray with several raylets: it grows onto one that comes, and outlives one that dies.

The last test breaks every part in turn while clients go on asking.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.machine import this_machine
from tests.breaking import all_work, becomes, breaks, converges, kill_controller, kill_engine, kill_gateway
from tests.crowd import crowd
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


def test_a_pool_grows_onto_a_machine_that_comes_and_outlives_it(cluster: Serving) -> None:
    """Until it comes the replica waits for a place; its death costs no token; afterwards the pool is as before."""
    with crowd(cluster.url, "dense", clients=CLIENTS) as clients:
        becomes(cluster, ready=1, requested=1, within_s=30)
        with machine(cluster, 3, cpus=CPUS) as second:
            becomes(cluster, ready=2, within_s=60)
            until(lambda: all_work(cluster), within_s=20, what="both replicas at work")
            second.die()
        becomes(cluster, ready=1, requested=1, within_s=60)
    assert (clients.failures, clients.lost) == ([], 0)
    assert clients.resumed > 0
    assert clients.whole > CLIENTS
    converges(cluster)


def test_whatever_breaks_during_a_burst_everyone_is_answered_and_the_fleet_converges(cluster: Serving) -> None:
    """Controller, engine and machine cost no client anything; a gateway only the streams that it held."""
    with machine(cluster, 4, cpus=CPUS) as second, crowd(cluster.url, "dense", clients=CLIENTS) as clients:
        becomes(cluster, ready=2, within_s=90)
        for break_it in (kill_controller, kill_engine):
            breaks(cluster, clients, break_it, everyone=CLIENTS)
            becomes(cluster, ready=2, within_s=60)
        breaks(cluster, clients, lambda _: second.die(), everyone=CLIENTS)
        assert clients.failures == []
        breaks(cluster, clients, kill_gateway, everyone=CLIENTS)
    assert clients.lost == 0
    assert len(clients.failures) <= CLIENTS, clients.failures
    converges(cluster)
