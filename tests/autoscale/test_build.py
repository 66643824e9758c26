"""From reports to a fleet: silence stays silence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import pytest

from autoscale.build import Sight, build
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import PoolFleet
from autoscale.hardware import Hardware, Inventory, Node
from autoscale.heard import Heard, Reports
from autoscale.pools import PoolSettings
from autoscale.running_totals import PoolTotals
from autoscale.served import Served, ServedPool, ServedReplica, ServedState
from deployments.signals import ClassDemand, GatewaySignals, PoolDemand, ReplicaSignals, Stage
from deployments.totals import StepTotals
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


def test_a_pool_is_not_wholly_seen_while_serve_is_finding_its_replicas_again() -> None:
    """Serve stops what is not running first, so that the wrong one would go; the replica itself is ready."""
    view = served(known("r0"), replace(known("r1"), recovering=True), target=2)
    pool = dense(view, {**heard(replica_signals("r0")), **heard(replica_signals("r1"))})
    assert (pool.ready, pool.blind) == (2, ("Serve is recovering replica r1",))


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


def test_totals_lengths_and_classes_reach_the_fleet() -> None:
    """What waits now comes from the newest reports, what has come from everyone who ever counted."""
    totals = {"dense": PoolTotals(arrivals=40, judged=30, within=29, classes={"paid": 12})}
    paid = {"paid": ClassDemand(in_flight=2, held=1, arrivals_total=3)}
    gateway = [
        Heard(at_s=NOW_S, signals=gateway_signals(dense=PoolDemand(held=1, held_prompt_tokens=700, classes=paid)))
    ]
    reports = Reports(replicas=heard(replica_signals()), gateways={"g0": gateway}, totals=totals)
    demand = build([DENSE], reports, served(known()), SIGHT).pools["dense"].demand
    assert demand is not None
    assert (demand.arrivals_total, demand.judged_total, demand.within_total) == (40, 30, 29)
    assert demand.held_prompt_tokens == 700
    assert demand.classes == {"paid": ClassDemand(in_flight=2, held=1, arrivals_total=12)}


def test_a_replica_tells_its_steps_its_work_and_what_its_start_took() -> None:
    """Asked for a hundred seconds ago, ready for forty: sixty to start."""
    steps = StepTotals(seconds=(1.0, 0, 0, 0, 0))
    told = replica_signals(stage_since_s=NOW_S - 40, steps=steps, queued_prompt_tokens=50, remaining_tokens=900)
    replica = dense(served(known()), heard(told)).replicas[0]
    assert (replica.requested_s, replica.startup_s, replica.steps) == (NOW_S - 100, 60.0, steps)
    assert replica.load is not None
    assert (replica.load.queued_prompt_tokens, replica.load.remaining_tokens) == (50, 900)
    assert dense(served(known(state="starting")), heard(told)).replicas[0].startup_s is None


def test_engines_know_their_sizes_better_than_the_configuration_and_that_better_than_the_profile() -> None:
    """Each size from the best source that has it."""
    step = StepModel(base_s=0.01, prefill_token_s=0, prefill_context_s=0, sequence_s=0, kv_token_s=0)
    measured = EngineLimits(slots=99, batched_tokens=2048, kv_tokens=5000)
    profile = EngineProfile(model="m", hardware="cpu", step=step, limits=measured)
    settings = DENSE.model_copy(update={"profile": profile, "limits": EngineLimits(kv_tokens=6000)})
    reports = Reports(replicas=heard(replica_signals(batched_tokens=512)), gateways=QUIET_GATEWAY)
    pool = build([settings], reports, served(known()), SIGHT).pools["dense"]
    assert (pool.limits.slots, pool.limits.batched_tokens, pool.limits.kv_tokens) == (99, 512, 6000)
    assert pool.profile == profile


def test_what_is_configured_of_a_pool_and_the_hardware_reach_the_fleet() -> None:
    """Policies see what the arbiter needs."""
    machines = Inventory(nodes=(Node(node="n", gpus=8),))
    hardware = Hardware(kind="H100", gpus=2)
    settings = DENSE.model_copy(update={"hardware": hardware, "priority": 3, "stand_ins": ("moe",)})
    reports = Reports(gateways=QUIET_GATEWAY)
    sight = replace(SIGHT, inventory=machines, brown_out={"dense": 0.25})
    fleet = build([settings], reports, served(), sight)
    pool = fleet.pools["dense"]
    assert (pool.hardware, pool.priority, pool.stand_ins, pool.brown_out) == (hardware, 3, ("moe",), 0.25)
    assert fleet.inventory == machines


def test_settings_travel_as_plain_json() -> None:
    """Their hardware, sizes and profile included; an unknown one is named."""
    step = StepModel(base_s=0.01, prefill_token_s=0, prefill_context_s=0, sequence_s=0, kv_token_s=0)
    profile = EngineProfile(model="m", hardware="cpu", step=step, limits=EngineLimits(slots=4))
    told = {**DENSE.model_dump(mode="json"), "profile": asdict(profile), "hardware": {"kind": "H100", "gpus": 2.0}}
    settings = PoolSettings(**json.loads(json.dumps(told)))
    assert (settings.profile, settings.hardware) == (profile, Hardware(kind="H100", gpus=2.0))
    with pytest.raises(ValueError, match=r"hardware\.gpu"):
        PoolSettings(**{**told, "hardware": {"gpu": 1}})
