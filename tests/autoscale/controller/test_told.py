"""What the controller tells everyone, for scrapes and for alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autoscale.controller.loop import ControlLoop
from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica
from autoscale.spec import AutoscaleSpec
from deployments.signals import GatewayPlace, GoalCounts
from tests.autoscale.builders import NOW_S, gateway_signals, replica_signals


def loop(**fields: Any) -> ControlLoop:
    pool = PoolSettings(name="dense", application="dense", deployment="d", min_replicas=1, max_replicas=2, slots=4)
    return ControlLoop(settings=(pool,), spec=AutoscaleSpec.model_validate({"policy": "queue"}), **fields)


def served(at_s: float, *replicas: ServedReplica) -> Served:
    return Served(at_s=at_s, pools={"dense": ServedPool(target=len(replicas), replicas=replicas)})


def test_gateways_that_speak_are_told_with_where_they_are_scraped() -> None:
    """Also before the first decision; one that is silent is left out, as is one that nobody can scrape."""
    control = loop(node="10.0.0.1")
    one = replace(gateway_signals("g0"), address="10.0.0.1:5", key="k")
    control.hear_gateway(one, NOW_S)
    control.hear_gateway(gateway_signals("g1"), NOW_S)
    place = GatewayPlace(gateway="g0", address="10.0.0.1:5", key="k")
    assert control.view(NOW_S).gateways == (place,)
    control.step(served(NOW_S, ServedReplica(replica="r0", state="running")), NOW_S)
    view = control.view(NOW_S)
    assert (view.gateways, view.node) == ((place,), "10.0.0.1")
    assert control.view(NOW_S + 60).gateways == ()
    assert "key='k'" not in repr(view)


def test_a_start_under_way_tells_for_how_long() -> None:
    """By the oldest; nothing once all are ready."""
    control = loop()
    starting = ServedReplica(replica="r1", state="starting", since_s=NOW_S + 1)
    control.hear_replica(replica_signals("r0"), NOW_S)
    control.step(served(NOW_S, ServedReplica(replica="r0", state="running")), NOW_S)
    assert control.view(NOW_S).pools["dense"].starting_for_s is None
    for at_s in (NOW_S + 1, NOW_S + 31):
        control.hear_replica(replica_signals("r0", at_s=at_s), at_s)
        control.hear_replica(replica_signals("r1", at_s=at_s, stage="loading", stage_since_s=NOW_S + 1), at_s)
        control.step(served(at_s, ServedReplica(replica="r0", state="running"), starting), at_s)
    assert control.view(NOW_S + 31).pools["dense"].starting_for_s == 30


def test_goals_reach_the_status() -> None:
    """From the gateways' reports."""
    control = loop()
    told = {"answered": GoalCounts(judged=10, missed=1, share=0.5, window_s=7 * 86_400.0)}
    control.hear_gateway(replace(gateway_signals("g0"), goals=told), NOW_S)
    (goal,) = control.status(NOW_S)["goals"]
    assert (goal["goal"], goal["judged"], goal["budget_left"]) == ("answered", 10, 0.8)
