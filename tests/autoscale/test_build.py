"""From reports to a fleet: silence stays silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from autoscale.build import Sight, build
from autoscale.fleet import PoolFleet
from autoscale.heard import Heard, Reports
from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica, ServedState
from deployments.signals import GatewaySignals, PoolDemand, ReplicaSignals, Stage
from tests.autoscale.builders import NOW_S, gateway_signals, histogram, replica_signals

DENSE = PoolSettings(
    name="dense", application="pool-dense", deployment="Engine", min_replicas=1, max_replicas=4, slots=8, ttft_p95_s=2.0
)
SIGHT = Sight(now_s=NOW_S, window_s=30.0, stale_after_s=5.0)
QUIET_GATEWAY = {"g0": [Heard(at_s=NOW_S, signals=gateway_signals())]}


def served(*replicas: ServedReplica, at_s: float = NOW_S, target: int = 1) -> Served:
    return Served(at_s=at_s, pools={"dense": ServedPool(target=target, replicas=replicas)})


def known(name: str = "r0", state: ServedState = "running", *, placed: bool = True) -> ServedReplica:
    return ServedReplica(replica=name, state=state, placed=placed, since_s=NOW_S - 100)


def heard(signals: ReplicaSignals, at_s: float = NOW_S) -> dict[str, Sequence[Heard[ReplicaSignals]]]:
    return {signals.replica: [Heard(at_s=at_s, signals=signals)]}


def dense(
    view: Served,
    replicas: Mapping[str, Sequence[Heard[ReplicaSignals]]] | None = None,
    gateways: Mapping[str, Sequence[Heard[GatewaySignals]]] | None = None,
) -> PoolFleet:
    reports = Reports(replicas=replicas or {}, gateways=QUIET_GATEWAY if gateways is None else gateways)
    return build([DENSE], reports, view, SIGHT).pools["dense"]


def test_a_complete_picture_has_nothing_missing() -> None:
    """Every sender heard lately: load, demand, slots and targets are all there."""
    pool = dense(served(known()), heard(replica_signals(running=3, waiting=1, kv_used=0.5, slots=16)))
    assert pool.blind == ()
    assert (pool.ready, pool.starting, pool.ongoing, pool.slots, pool.target) == (1, 0, 4, 16, 1)
    assert pool.slo.ttft_p95_s == 2.0


@pytest.mark.parametrize(
    ("case", "missing"),
    [
        ("gateway gone", "no gateway heard yet"),
        ("gateway late", "gateway g0 silent"),
        ("replica never", "replica r0 not heard"),
        ("replica late", "replica r0 silent"),
        ("serve late", "Serve silent"),
    ],
)
def test_whoever_is_silent_is_named(case: str, missing: str) -> None:
    """A silent sender is missing from the picture, whatever the others say."""
    late_s = NOW_S - 6.0
    replicas = {} if case == "replica never" else heard(replica_signals(), late_s if case == "replica late" else NOW_S)
    gateways = {"g0": [Heard(at_s=late_s, signals=gateway_signals())]} if case == "gateway late" else QUIET_GATEWAY
    view = served(known(), at_s=late_s if case == "serve late" else NOW_S)
    pool = dense(view, replicas, {} if case == "gateway gone" else gateways)
    assert len(pool.blind) == 1
    assert pool.blind[0].startswith(missing)


def test_the_load_of_a_silent_replica_is_unknown_and_not_zero() -> None:
    """What it said last no longer counts either."""
    pool = dense(served(known()), heard(replica_signals(running=9), NOW_S - 60))
    assert pool.replicas[0].load is None
    assert pool.replicas[0].age_s == 60.0


def test_without_any_gateway_demand_is_unknown() -> None:
    """None, where zero would say that nobody wants anything."""
    assert dense(served(), {}, {}).demand is None
    assert dense(served(), {}).demand is not None


@pytest.mark.parametrize(
    ("serve", "placed", "reported", "stage"),
    [
        ("starting", False, None, "requested"),
        ("starting", True, None, "placed"),
        ("starting", True, "loading", "loading"),
        ("starting", True, "ready", "warming"),
        ("running", True, None, "ready"),
        ("running", True, "warming", "ready"),
        ("running", True, "draining", "draining"),
        ("stopping", True, "ready", "draining"),
    ],
)
def test_serve_knows_who_gets_requests_and_the_replica_how_far_it_is(
    serve: ServedState, placed: bool, reported: Stage | None, stage: Stage
) -> None:
    """Each is believed on what only it can know."""
    replicas = heard(replica_signals(stage=reported)) if reported else {}
    assert dense(served(known(state=serve, placed=placed)), replicas).replicas[0].stage == stage


def test_an_engine_that_is_silent_while_it_loads_is_still_loading() -> None:
    """Loading holds a process up for long; its last stage and since when it lasts are kept."""
    loading = replica_signals(stage="loading", stage_since_s=NOW_S - 40)
    pool = dense(served(known(state="starting")), heard(loading, NOW_S - 40))
    assert (pool.replicas[0].stage, pool.replicas[0].since_s) == ("loading", NOW_S - 40)
    assert pool.blind == ()


def test_replicas_that_serve_does_not_know_are_gone() -> None:
    """A dead replica's last report adds no load and no replica."""
    pool = dense(served(known("r1")), heard(replica_signals("r0", running=9)) | heard(replica_signals("r1", running=1)))
    assert [replica.replica for replica in pool.replicas] == ["r1"]
    assert pool.ongoing == 1


def test_rates_and_first_tokens_are_those_of_the_window() -> None:
    """Counters are compared with the window's beginning; the process's past does not count."""
    past = PoolDemand(arrivals_total=100, refused_total=5, ttft=histogram(*[9.0] * 100))
    now = PoolDemand(
        in_flight=3, held=2, arrivals_total=120, refused_total=7, ttft=histogram(*[9.0] * 100, *[0.2] * 10)
    )
    gateway = [
        Heard(at_s=NOW_S - 500, signals=gateway_signals(at_s=NOW_S - 500)),
        Heard(at_s=NOW_S - 20, signals=gateway_signals(at_s=NOW_S - 20, dense=past)),
        Heard(at_s=NOW_S, signals=gateway_signals(dense=now)),
    ]
    pool = dense(served(known()), heard(replica_signals()), {"g0": gateway})
    assert pool.demand is not None
    assert (pool.demand.in_flight, pool.demand.held) == (3, 2)
    assert (pool.demand.arrival_rate, pool.demand.refused_rate, pool.demand.first_token_rate) == (1.0, 0.1, 0.5)
    assert pool.ttft == replace(histogram(*[0.2] * 10), sum_s=pytest.approx(2.0))


def test_gateways_add_up_and_one_that_restarted_counts_from_zero() -> None:
    """Two gateways' demand is one demand; counters that fell began again."""
    before = gateway_signals(at_s=NOW_S - 10, dense=PoolDemand(arrivals_total=900))
    after = gateway_signals(dense=PoolDemand(in_flight=1, arrivals_total=5))
    other = gateway_signals("g1", dense=PoolDemand(in_flight=2, arrivals_total=7))
    gateways = {
        "g0": [Heard(at_s=NOW_S - 10, signals=before), Heard(at_s=NOW_S, signals=after)],
        "g1": [Heard(at_s=NOW_S, signals=other)],
    }
    pool = dense(served(known()), heard(replica_signals()), gateways)
    assert pool.demand is not None
    assert (pool.demand.in_flight, pool.demand.arrival_rate) == (3, 0.5)


def test_a_pool_that_serve_does_not_know_is_not_sized() -> None:
    """Nothing is decided about what is not deployed."""
    view = Served(at_s=NOW_S, pools={})
    assert build([DENSE], Reports(), view, SIGHT).pools == {}
