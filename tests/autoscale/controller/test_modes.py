"""The control loop under an operator's hand: modes, proposals, pins, and what everyone is told."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from autoscale.controller.deciding import Deciding
from autoscale.controller.loop import MACHINES_STALE_S
from autoscale.controller.machines import Machines
from autoscale.fleet import Fleet
from autoscale.hardware import Node
from autoscale.policy import Decision, PoolDecision
from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec
from deployments.pool.availability import refusal
from tests.autoscale.builders import fleet, pool
from tests.autoscale.controller.test_loop import Plant, loop


def steer(plant: Plant, action: str, **fields: Any) -> str:
    control = plant.loop
    return control.steering.order(action, fields, control.settings, plant.now_s)


def proposal(plant: Plant) -> dict[str, Any]:
    told: dict[str, Any] = plant.loop.status(plant.now_s)["pools"]["dense"]["proposal"]
    return told


def test_with_approval_a_pool_stays_until_somebody_says_so() -> None:
    """Both ways: up when approved, and down again when approved."""
    plant = Plant(loop(mode="approve", hold={"down": 0}))
    assert [plant.second(in_flight=4) for _ in range(5)] == [1] * 5
    waiting = proposal(plant)
    assert (waiting["before"], waiting["after"]) == (1, 2)
    assert waiting["reason"].startswith("work: 4 ongoing")
    assert steer(plant, "approve", id=waiting["id"]) == ""
    assert [plant.second(in_flight=4) for _ in range(3)] == [2] * 3
    assert [plant.second() for _ in range(3)] == [2] * 3
    assert steer(plant, "approve", id=proposal(plant)["id"]) == ""
    assert [plant.second() for _ in range(3)] == [2, 2, 1]


def test_a_rejected_change_is_not_made() -> None:
    """Nor asked for again."""
    plant = Plant(loop(mode="approve"))
    plant.second(in_flight=4)
    assert steer(plant, "reject", id=proposal(plant)["id"]) == ""
    assert [plant.second(in_flight=4) for _ in range(5)] == [1] * 5
    assert proposal(plant) is None


def asleep(**spec: Any) -> Plant:
    """Return an empty pool that Serve is slow to follow."""
    return Plant(loop(low=0, **spec), replicas=0, follows=False)


def refused(plant: Plant) -> str:
    """Return what a request to the pool is told at once, "" where it is held."""
    told = refusal("dense", plant.loop.view(plant.now_s))
    return told.message if told is not None else ""


def test_whoever_asks_a_pool_that_may_not_wake_unapproved_is_told_the_proposal() -> None:
    """From when it is made until it is approved; rejected, it is told as well."""
    plant = asleep(mode="approve")
    plant.second()
    assert refused(plant) == ""
    plant.second(in_flight=1, held=1)
    known = proposal(plant)["id"]
    told = f"dense has no replica: a first one waits until an operator approves proposal {known}"
    assert refused(plant) == told
    for _ in range(60):
        plant.second()
    assert refused(plant) == told
    assert steer(plant, "approve", id=known) == ""
    assert (plant.second(), plant.loop.targets(plant.now_s), refused(plant)) == (0, {"dense": 1}, "")

    plant = asleep(mode="approve")
    plant.second(in_flight=1, held=1)
    known = proposal(plant)["id"]
    steer(plant, "reject", id=known)
    plant.second(in_flight=1, held=1)
    assert refused(plant) == f"dense has no replica: an operator has rejected proposal {known} for a first one"


def test_a_pool_that_wakes_by_itself_holds_its_requests() -> None:
    """Also where only shrinking needs approval; one that is pinned to nothing does not wake."""
    for spec in ({"mode": "active"}, {"mode": "approve", "approval": {"up": "auto"}}):
        plant = asleep(**spec)
        plant.second(in_flight=1, held=1)
        assert (plant.loop.targets(plant.now_s), refused(plant)) == ({"dense": 1}, "")
        steer(plant, "pin", pool="dense", replicas=0, for_s=100, why="a test")
        plant.second(in_flight=1, held=1)
        assert refused(plant) == "dense has no replica: an operator has pinned it to none"


def test_a_pin_holds_in_every_mode_and_the_policy_goes_on_after_it() -> None:
    """Also when only advising: it is the operator's own word."""
    for mode, after in (("active", 1), ("advise", 3), ("approve", 3)):
        plant = Plant(loop(mode=mode, hold={"down": 0}, step={"down": 4}))
        plant.second()
        assert steer(plant, "pin", pool="dense", replicas=3, for_s=10, why="a test") == ""
        assert [plant.second() for _ in range(9)] == [3] * 9
        told = plant.loop.status(plant.now_s)["pools"]["dense"]
        assert told["decision"]["reason"].startswith("pinned to 3")
        assert [plant.second() for _ in range(4)][-1] == after, mode


def test_a_pin_needs_no_approval_and_takes_a_proposal_back() -> None:
    """Nobody is asked to approve what they have just ordered."""
    plant = Plant(loop(mode="approve"))
    plant.second(in_flight=4)
    known = proposal(plant)["id"]
    steer(plant, "pin", pool="dense", replicas=3, for_s=100, why="a test")
    assert plant.second(in_flight=4) == 3
    assert proposal(plant) is None
    assert "no proposal" in steer(plant, "approve", id=known)


def test_an_operator_who_errs_is_told_how() -> None:
    """Unknown pools and proposals, and sizes out of bounds."""
    plant = Plant(loop())
    plant.second()
    assert "no pool 'dens'" in steer(plant, "pin", pool="dens", replicas=1, for_s=9, why="x")
    assert "1 to 3 replicas" in steer(plant, "pin", pool="dense", replicas=7, for_s=9, why="x")
    assert "not pinned" in steer(plant, "unpin", pool="dense")
    assert "no proposal" in steer(plant, "approve", id="0000")


def test_pins_and_proposals_outlive_the_process() -> None:
    """A restarted loop finds both, and publishes the pin again."""
    plant = Plant(loop(mode="approve"))
    plant.second(in_flight=4)
    steer(plant, "pin", pool="dense", replicas=3, for_s=100, why="a test")
    kept = json.loads(json.dumps(plant.loop.steering.plain()))
    again = Plant(loop(mode="approve"))
    again.loop.steering.take(kept, 0.0)
    assert again.second() == 3


def test_everyone_is_told_targets_brown_out_and_what_the_loop_does() -> None:
    """Brown-out only where decisions are acted on, and as long as they are fresh."""

    class Moving:
        errors = 0

        def decide(self, fleet: Fleet) -> Decision:
            return Decision(pools={"dense": PoolDecision(replicas=2, reason="x")}, brown_out={"dense": 0.3})

    for mode, share in (("active", {"dense": 0.3}), ("advise", {}), ("approve", {})):
        plant = Plant(loop(mode=mode), follows=False)
        plant.loop.deciding._policy = Moving()  # type: ignore[assignment]
        plant.second()
        view = plant.loop.view(plant.now_s)
        assert view.brown_out == share
        assert view.pools["dense"].ttft_target_s == 1.0
        assert plant.loop.view(plant.now_s + 10).brown_out == {}
        plant.second()
        assert plant.loop.status(plant.now_s)["pools"]["dense"]["brown_out"] == share.get("dense", 0.0)
        assert view.scaling is not None
        assert (view.scaling.mode, view.scaling.decisions) == (mode, {"dense": (1, 0)})
        assert view.scaling.decide.total == 1


def test_a_slow_decision_is_measured_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A second is too long for something that is asked every second."""
    ticks = iter([0.0, 1.5])
    deciding = Deciding(AutoscaleSpec(), stopwatch=lambda: next(ticks))
    with caplog.at_level(logging.WARNING, logger="tercet.autoscale"):
        deciding.decide(fleet(dense=pool()))
    assert [record.message for record in caplog.records] == ["decision_slow seconds=1.50 pools=1"]
    assert (deciding.seconds().total, deciding.seconds().sum_s) == (1, 1.5)


def test_a_busy_replica_is_parked_before_it_is_given_up() -> None:
    """Gateways are told which; Serve is told when it is idle."""
    control = loop(hold={"down": 0})
    plant = Plant(control, replicas=2, follows=False)
    plant.busy = True
    plant.second()
    assert control.targets(plant.now_s) == {"dense": 2}
    assert control.view(plant.now_s).pools["dense"].parked == ("r1",)
    plant.busy = False
    plant.second()
    plant.second()
    assert control.targets(plant.now_s) == {"dense": 1}


def test_the_same_policy_goes_on_over_a_configuration_that_leaves_it_as_it_was() -> None:
    """Bounds change often; what a policy has learned should not go with them."""
    control = loop()
    before = control.deciding._policy
    control.configure([PoolSettings(**{**control.settings[0].model_dump(), "max_replicas": 9})], control.spec)
    assert control.deciding._policy is before
    control.configure(control.settings, AutoscaleSpec(step={"up": 1}))
    assert control.deciding._policy is not before


def test_machines_are_counted_and_a_count_that_is_too_old_is_none() -> None:
    """Policies see the hardware that there was a minute ago, and no older."""
    control = loop()
    plant = Plant(control)
    plant.second()
    assert control.status(plant.now_s)["machines"] is None
    control.hear_machines(Machines(at_s=plant.now_s, nodes=(Node(node="n0", cpus=2.0),), head="n0"))
    told = control.status(plant.now_s)["machines"]
    assert told == [{"node": "n0", "kind": "cpu", "gpus": 0.0, "cpus": 2.0, "replicas": {}}]
    assert control.status(plant.now_s + MACHINES_STALE_S + 1)["machines"] is None
