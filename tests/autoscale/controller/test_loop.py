"""The control loop on made-up time, with no Ray: hear, decide, publish."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from typing import Any

import pytest

from autoscale.controller.loop import ControlLoop
from autoscale.controller.steering import Steering
from autoscale.controller.victims import Places
from autoscale.fleet import Fleet
from autoscale.policy import Decision
from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica
from autoscale.spec import AutoscaleSpec
from deployments.adapters import AdapterReport
from deployments.signals import PoolDemand, ReplicaPlace
from tests.autoscale.builders import gateway_signals, histogram, replica_signals

SPEC = {"policy": "queue", "hold": {"down": 10.0}, "queue": {"target_utilization": 0.5}}


class Plant:
    """One pool behind one gateway: replicas of four slots that are ready as soon as Serve wants them."""

    def __init__(self, loop: ControlLoop, replicas: int = 1, *, follows: bool = True) -> None:
        self.loop = loop
        self.replicas = replicas
        self.follows = follows
        self.busy = False
        self.now_s = 0.0

    def second(self, *, in_flight: int = 0, heard: bool = True, serve: bool = True, **demand: Any) -> int:
        self.now_s += 1.0
        if heard:
            pool = PoolDemand(in_flight=in_flight, **demand)
            self.loop.hear_gateway(gateway_signals(at_s=self.now_s, dense=pool), self.now_s)
        for index in range(self.replicas):
            signals = replica_signals(f"r{index}", at_s=self.now_s, slots=4, running=int(self.busy))
            self.loop.hear_replica(signals, self.now_s)
        self.loop.step(self._served() if serve else None, self.now_s)
        if self.follows:
            self.replicas = self.loop.targets(self.now_s).get("dense", self.replicas)
        return self.replicas

    def _served(self) -> Served:
        replicas = tuple(ServedReplica(replica=f"r{index}", state="running") for index in range(self.replicas))
        return Served(at_s=self.now_s, pools={"dense": ServedPool(target=self.replicas, replicas=replicas)})


def loop(*, low: int = 1, high: int = 3, **spec: Any) -> ControlLoop:
    settings = PoolSettings(
        name="dense", application="a", deployment="d", min_replicas=low, max_replicas=high, slots=4, ttft_p95_s=1.0
    )
    return ControlLoop(settings=(settings,), spec=AutoscaleSpec.model_validate({**SPEC, **spec}))


def test_a_burst_takes_a_pool_up_and_after_the_hold_down_again() -> None:
    """One replica becomes two under four requests, and one again ten seconds after they end and two of parking."""
    plant = Plant(loop(high=2))
    sizes = [plant.second(in_flight=4 if second < 3 else 0) for second in range(20)]
    assert sizes == [2] * 14 + [1] * 6
    assert [(entry.before, entry.after) for entry in plant.loop.journal.entries] == [(1, 2), (2, 1)]


def test_nothing_shrinks_while_nobody_speaks_for_the_clients() -> None:
    """A gateway that falls silent freezes the pool; once it is forgotten there still is no picture."""
    plant = Plant(loop())
    plant.second(in_flight=4)
    assert {plant.second(heard=False) for _ in range(100)} == {2}


def test_a_gateway_that_serve_has_given_up_is_not_waited_for() -> None:
    """Its silence freezes the pool only until then; the others speak for the clients."""
    control = loop(hold={"down": 0})

    def step(now_s: float, *listed: str, ready: int = 2) -> int:
        control.hear_gateway(gateway_signals("lives", at_s=now_s), now_s)
        for index in range(ready):
            control.hear_replica(replica_signals(f"r{index}", at_s=now_s, slots=4), now_s)
        replicas = tuple(ServedReplica(replica=f"r{index}", state="running") for index in range(ready))
        pools = {"dense": ServedPool(target=ready, replicas=replicas)}
        control.step(Served(at_s=now_s, pools=pools, listed=frozenset(listed)), now_s)
        return control.targets(now_s)["dense"]

    control.hear_gateway(gateway_signals("dies", at_s=0.0), 0.0)
    assert [step(float(at), "lives", "dies") for at in range(6, 15)] == [2] * 9
    assert control.status(14.0)["pools"]["dense"]["blind"] == ["gateway dies silent for 14s"]
    assert [step(float(at), "lives") for at in range(15, 20)][-1] == 1


def test_serve_falling_silent_freezes_the_pool_and_is_counted() -> None:
    """Its last view ages until it no longer counts."""
    plant = Plant(loop(), follows=False)
    plant.second()
    for _ in range(30):
        plant.second(serve=False)
    assert plant.loop.targets(plant.now_s) == {"dense": 1}
    assert plant.loop.status(plant.now_s)["errors"]["serve"] == 30
    assert "Serve silent" in plant.loop.status(plant.now_s)["pools"]["dense"]["blind"][0]


def test_a_fresh_loop_holds_what_it_finds() -> None:
    """After a restart three replicas stay three until everyone has been heard and the hold has passed."""
    plant = Plant(loop(), replicas=3)
    assert [plant.second(heard=False) for _ in range(5)] == [3] * 5
    assert [plant.second() for _ in range(9)] == [3] * 9
    assert [plant.second() for _ in range(12)][-1] == 1


def test_targets_age() -> None:
    """A loop that stopped deciding publishes nothing, so that the pools stay as they are."""
    plant = Plant(loop())
    plant.second()
    assert plant.loop.targets(plant.now_s + 5.0) == {"dense": 1}
    assert plant.loop.targets(plant.now_s + 5.1) == {}


def test_a_step_that_fails_leaves_no_old_targets_fresh() -> None:
    """Whatever fails after the decision, what was published before ages as if nothing had been decided."""
    plant = Plant(loop(), follows=False)
    plant.second()

    class Failing(Steering):
        def act(self, fleet: Fleet, decision: Decision, spec: AutoscaleSpec, places: Places) -> None:
            raise RuntimeError("no room")

    plant.loop.steering = Failing(targets=plant.loop.steering.targets)
    for _ in range(6):
        with pytest.raises(RuntimeError, match="no room"):
            plant.second()
    assert plant.loop.targets(plant.now_s) == {}


def test_advice_decides_and_publishes_nothing() -> None:
    """The journal has the change, the mailbox gets no target, and everyone is told Serve's."""
    plant = Plant(loop(mode="advise"))
    plant.second(in_flight=4)
    assert [entry.after for entry in plant.loop.journal.entries] == [2]
    assert plant.loop.targets(plant.now_s) == {}
    assert plant.loop.view(plant.now_s).pools["dense"].target == 1


def test_a_change_is_logged_once_with_its_numbers(caplog: pytest.LogCaptureFixture) -> None:
    """While Serve follows, the same decision is no news."""
    plant = Plant(loop(), follows=False)
    with caplog.at_level(logging.INFO, logger="tercet.autoscale"):
        for _ in range(5):
            plant.second(in_flight=4)
    lines = [record.getMessage() for record in caplog.records if record.name == "tercet.autoscale"]
    assert lines == [
        'scaling_decided pool="dense" from=1 to=2 mode="active" reason="work: 4 ongoing, 4 slots x 0.5 each"'
    ]


def test_a_pool_sized_to_none_is_told_apart_from_one_that_lost_its_replicas() -> None:
    """Scaled to zero lasts until a replica is ready again; a crash is not a scale-down."""
    plant = Plant(loop(low=0, hold={"down": 0}))
    assert [plant.second() for _ in range(3)] == [1, 1, 0]
    assert plant.loop.view(plant.now_s).pools["dense"].scaled_to_zero
    plant.second(in_flight=1, held=1)
    assert plant.loop.view(plant.now_s).pools["dense"].scaled_to_zero
    plant.second(in_flight=1, held=1)
    assert not plant.loop.view(plant.now_s).pools["dense"].scaled_to_zero

    plant.loop.step(Served(at_s=plant.now_s, pools={"dense": ServedPool(target=1)}), plant.now_s)
    lost = plant.loop.view(plant.now_s).pools["dense"]
    assert (lost.ready, lost.scaled_to_zero) == (0, False)


def test_status_is_plain_json_and_names_every_pool_from_the_first_moment() -> None:
    """Before Serve knows a pool it is listed with no replica, and its bounds."""
    control = loop()
    early = json.loads(json.dumps(control.status(0.0)))
    assert early["pools"]["dense"]["stages"] == {}
    assert (early["pools"]["dense"]["min"], early["pools"]["dense"]["max"]) == (1, 3)

    plant = Plant(control)
    plant.second(in_flight=4)
    plant.second(in_flight=4, arrivals_total=4, ttft=histogram(0.5, 0.5, 0.5, 2.0))
    dense = json.loads(json.dumps(control.status(plant.now_s)))["pools"]["dense"]
    assert dense["stages"] == {"ready": 2}
    assert [window["ttft_share"] for window in dense["attainment"]] == [0.75, 0.75]
    assert dense["decision"]["reason"].startswith("work: 4 ongoing")
    assert dense["in_flight"] == 4


def test_another_configuration_is_followed_at_once_and_keeps_what_was_heard() -> None:
    """Raising the maximum lets the next decision go there."""
    plant = Plant(loop(high=1))
    assert plant.second(in_flight=6) == 1
    wider = plant.loop.settings[0].model_copy(update={"max_replicas": 3})
    plant.loop.configure([wider], plant.loop.spec)
    assert plant.loop.targets(plant.now_s) == {}
    assert plant.second(in_flight=6) == 3


def test_late_first_tokens_add_one_replica_per_cold_start_and_window() -> None:
    """Twenty seconds of starting and ten of old measurements pass before the next replica is asked for."""
    control = loop(high=9, queue={"ttft_window": 10.0, "target_utilization": 1.0})
    began_s, asked_s = [-100.0], []
    for now_s in map(float, range(100)):
        answers = 2 * int(now_s)
        demand = PoolDemand(in_flight=1, arrivals_total=answers, ttft=histogram(*[3.0] * answers))
        control.hear_gateway(gateway_signals(at_s=now_s, dense=demand), now_s)
        ready = [when_s + 20.0 <= now_s for when_s in began_s]
        for index, when_s in enumerate(began_s):
            if ready[index]:
                signals = replica_signals(f"r{index}", at_s=now_s, slots=4, stage_since_s=when_s + 20.0)
                control.hear_replica(signals, now_s)
        replicas = tuple(
            ServedReplica(replica=f"r{index}", state="running" if is_ready else "starting")
            for index, is_ready in enumerate(ready)
        )
        pool = ServedPool(target=len(replicas), replicas=replicas)
        control.step(Served(at_s=now_s, pools={"dense": pool}), now_s)
        added = control.targets(now_s)["dense"] - len(replicas)
        assert added in {0, 1}
        began_s += [now_s] * added
        asked_s += [now_s] * added
    assert len(asked_s) >= 3
    assert all(later - earlier >= 30 for earlier, later in pairwise(asked_s))


def test_everyone_is_told_where_replicas_are_and_what_adapters_there_are() -> None:
    """Only replicas that Serve still counts and that have said where they are, each with what it holds."""
    control = loop()
    plant = Plant(control, replicas=2, follows=False)
    plant.second()
    for name in ("r0", "gone"):
        there = replica_signals(name, at_s=plant.now_s, address=f"{name}:1", key="k", adapters=("a",))
        control.hear_replica(there, plant.now_s)
    control.adapters.load("dense", "b", "/b")
    told = control.view(plant.now_s).pools["dense"]
    assert told.replicas == (ReplicaPlace(replica="r0", address="r0:1", key="k", adapters=("a",)),)
    assert told.adapters == ("b",)


def test_an_adapter_is_waited_for_on_the_ready_replicas_and_until_all_gateways_know() -> None:
    """A replica on its way is not waited for: it gets the adapter before it is sent requests for it."""
    control = loop()
    plant = Plant(control, replicas=2, follows=False)
    plant.second()
    control.adapters.load("dense", "a", "/a")
    order = control.adapters.of("dense")["a"]
    assert control.adapter_outcome("dense", "a", order).waiting == ("r0", "r1")
    report = (AdapterReport(name="a", serial=order.serial),)
    for name in ("r0", "r1"):
        control.hear_replica(replica_signals(name, at_s=plant.now_s, adapter_reports=report), plant.now_s)
    assert control.adapter_outcome("dense", "a", order).done == ("r0", "r1")
    assert not control.told_since(plant.now_s, plant.now_s)
    control.hear_gateway(gateway_signals(at_s=plant.now_s + 1), plant.now_s + 1)
    assert control.told_since(plant.now_s, plant.now_s + 1)


def test_whoever_waits_for_an_adapter_is_told_when_it_is_changed_meanwhile() -> None:
    """Neither the end of an unload nor that of a later load is taken for the end of this one."""
    control = loop()
    control.adapters.load("dense", "a", "/a")
    order = control.adapters.of("dense")["a"]
    control.adapters.unload("dense", "a")
    assert "changed again" in control.adapter_outcome("dense", "a", order).refused
    control.adapters.load("dense", "a", "/a")
    assert "changed again" in control.adapter_outcome("dense", "a", order).refused
    assert "changed again" in control.adapter_outcome("dense", "a", None).refused
