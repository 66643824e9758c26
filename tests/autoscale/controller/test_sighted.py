"""What is not wholly seen does not get smaller, whoever decides."""

from __future__ import annotations

import pytest

from autoscale.controller.sighted import Sighted
from autoscale.fleet import Fleet
from autoscale.policy import Decision, PoolDecision
from tests.autoscale.builders import Scripted, fleet, pool


def test_a_policy_that_does_not_look_cannot_shrink_what_it_does_not_see() -> None:
    """The answer becomes the present target; what the policy wanted is told as rejected."""
    told = Sighted(Scripted([1])).decide(fleet(dense=pool(ready=3, blind=("gateway g silent",)))).pools["dense"]
    assert (told.replicas, told.binds) == (3, "blind")
    assert told.reason == "hold: gateway g silent"
    assert told.rejected == ("1: scripted",)


def test_growing_and_what_is_seen_are_left_alone() -> None:
    """Known load is a lower bound, which may raise a target."""
    blind = pool(ready=3, blind=("Serve silent",))
    assert Sighted(Scripted([5])).decide(fleet(dense=blind)).pools["dense"].replicas == 5
    assert Sighted(Scripted([1])).decide(fleet(dense=pool(ready=3))).pools["dense"].replicas == 1


def test_a_lowered_maximum_holds_over_what_is_there() -> None:
    """The operator's own word needs no sight."""
    blind = pool(ready=6, max_replicas=4, blind=("Serve silent",))
    assert Sighted(Scripted([2])).decide(fleet(dense=blind)).pools["dense"].replicas == 4


class Moving:
    """Asks for shares, one of them of a pool that is not there."""

    def decide(self, fleet: Fleet) -> Decision:
        """Move half of one pool away."""
        pools = {name: PoolDecision(replicas=1, reason="") for name in fleet.pools}
        return Decision(pools=pools, brown_out={"dense": 0.5, "moe": 0.2, "gone": 0.1})


def test_no_more_traffic_is_moved_away_from_what_is_not_seen() -> None:
    """Nor from a pool that does not exist."""
    seen = Sighted(Moving()).decide(fleet(dense=pool(blind=("late",)), moe=pool()))
    assert seen.brown_out == {"moe": 0.2}


@pytest.mark.parametrize(("in_force", "told"), [(0.3, 0.3), (0.5, 0.5), (0.8, 0.5)])
def test_a_brown_out_outlasts_a_late_report(in_force: float, told: float) -> None:
    """The share in force may stand or fall, and not rise."""
    seen = Sighted(Moving()).decide(fleet(dense=pool(blind=("late",), brown_out=in_force), moe=pool()))
    assert seen.brown_out == {"dense": told, "moe": 0.2}
