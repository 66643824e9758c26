"""Replicas are given up idle where they can be, in the order in which Serve stops them."""

from __future__ import annotations

from dataclasses import replace

from autoscale.controller.releases import PARK_LIMIT_S, SETTLED_S, Releases
from autoscale.controller.victims import Places, stopping_order
from autoscale.fleet import ReplicaFleet
from tests.autoscale.builders import NOW_S, fleet, pool, replica


def aged(*since_s: float, running: tuple[int, ...] = ()) -> tuple[ReplicaFleet, ...]:
    busy = [*running, *[0] * len(since_s)]
    return tuple(replica(f"r{at}", since_s=when, running=busy[at]) for at, when in enumerate(since_s))


def step(
    releases: Releases,
    replicas: tuple[ReplicaFleet, ...],
    wanted: int,
    *,
    after_s: float = 0.0,
    target: int | None = None,
) -> int:
    dense = pool(replicas=replicas, target=len(replicas) if target is None else target)
    return releases.step(fleet(NOW_S + after_s, dense=dense), {"dense": wanted}, Places())["dense"]


def test_serve_stops_the_newest_of_the_emptiest_machine_and_the_head_last() -> None:
    """As its scheduler sorts them."""
    replicas = [replica(name, since_s=since_s) for name, since_s in (("a", 1), ("b", 9), ("c", 5), ("d", 7), ("e", 8))]
    nodes = {"a": "head", "b": "head", "c": "full", "d": "full", "e": "empty"}
    places = Places(nodes=nodes, crowd={"head": 2, "full": 2, "empty": 1}, head="head")
    assert [one.replica for one in stopping_order(replicas, places)] == ["e", "d", "c", "b", "a"]


def test_an_idle_victim_goes_as_soon_as_it_must_have_told_of_what_was_sent_to_it() -> None:
    """Before the gateways have heard of the parking they may still send."""
    releases = Releases()
    idle = aged(1, 2, 3, running=(4, 4, 0))
    assert step(releases, idle, 2) == 3
    assert step(releases, idle, 2, after_s=SETTLED_S - 0.1) == 3
    assert step(releases, idle, 2, after_s=SETTLED_S) == 2


def test_an_old_report_does_not_tell_that_a_victim_is_idle() -> None:
    """What counts is when it was heard, not when it is read."""
    releases = Releases()
    idle = aged(1, 2, running=(4, 0))
    step(releases, idle, 1)
    late = (idle[0], replace(idle[1], age_s=3.0))
    assert step(releases, late, 1, after_s=SETTLED_S + 2.9) == 2
    assert step(releases, late, 1, after_s=SETTLED_S + 3.0) == 1


def test_each_victim_has_its_own_time() -> None:
    """One that joins later is not cut because of the others."""
    releases = Releases()
    busy = aged(1, 2, 3, running=(4, 4, 4))
    step(releases, busy, 2)
    assert step(releases, busy, 1, after_s=PARK_LIMIT_S - 1) == 3
    assert step(releases, busy, 1, after_s=PARK_LIMIT_S) == 2
    assert step(releases, busy, 1, after_s=2 * PARK_LIMIT_S - 2) == 2
    assert step(releases, busy, 1, after_s=2 * PARK_LIMIT_S - 1) == 1


def test_victims_that_take_turns_do_not_put_the_end_off() -> None:
    """Which of two equals Serve would stop may change with every look."""
    releases = Releases()
    one, other = aged(1, 2, running=(4, 4)), aged(2, 1, running=(4, 4))
    for second in range(int(PARK_LIMIT_S)):
        assert step(releases, (one, other)[second % 2], 1, after_s=second) == 2
    assert step(releases, one, 1, after_s=PARK_LIMIT_S) == 1


def test_a_victim_after_one_that_is_gone_begins_anew() -> None:
    """It did not take the place of one that stays."""
    releases = Releases()
    step(releases, aged(1, 2, 3, running=(4, 4, 4)), 2)
    assert step(releases, aged(1, 2, running=(4, 4)), 1, after_s=PARK_LIMIT_S) == 2


def test_a_busy_victim_is_parked_until_its_streams_have_ended() -> None:
    """Serve hears of it only then; meanwhile it is sent nothing."""
    releases = Releases()
    busy, idle = aged(1, 2, 3, running=(4, 4, 4)), aged(1, 2, 3, running=(4, 6))
    assert step(releases, busy, 2) == 3
    assert releases.parked("dense") == ("r2",)
    assert step(releases, busy, 2, after_s=10) == 3
    assert step(releases, idle, 2, after_s=20) == 2


def test_a_parked_replica_is_back_at_once_when_it_is_needed() -> None:
    """That is what parking is for: a drain that Serve has begun cannot be taken back."""
    releases = Releases()
    busy = aged(1, 2, running=(4, 4))
    step(releases, busy, 1)
    assert step(releases, busy, 2, after_s=5) == 2
    assert releases.parked("dense") == ()


def test_parking_has_an_end() -> None:
    """A stream that does not end is left to Serve's drain; which of several victims is parked may change meanwhile."""
    releases = Releases()
    busy = aged(1, 2, 3, running=(4, 4, 4))
    assert step(releases, busy, 1) == 3
    assert step(releases, busy, 2, after_s=PARK_LIMIT_S - 1) == 3
    assert step(releases, busy, 2, after_s=PARK_LIMIT_S) == 2


def test_of_several_victims_the_idle_ones_that_serve_takes_first_go_first() -> None:
    """One that is idle behind a busy one would not be the one that Serve stops."""
    for running, told in (((4, 4, 0, 0), 2), ((4, 0, 4, 0), 3), ((4, 0, 0, 4), 4)):
        releases = Releases()
        step(releases, aged(1, 2, 3, 4, running=running), 1)
        assert step(releases, aged(1, 2, 3, 4, running=running), 1, after_s=SETTLED_S) == told


def test_what_is_on_its_way_is_cancelled_first_and_at_once() -> None:
    """A replica that loads carries nothing."""
    releases = Releases()
    replicas = (*aged(1, 2, running=(4, 4)), replica("s", stage="loading"))
    assert step(releases, replicas, 2) == 2
    assert releases.parked("dense") == ()
    assert step(releases, replicas, 1) == 2


def test_a_replica_that_nobody_hears_is_not_taken_for_idle() -> None:
    """It is given up when its time is over."""
    releases = Releases()
    silent = (replica("r0"), ReplicaFleet(replica="r1", stage="ready", since_s=5.0))
    assert step(releases, silent, 1) == 2
    assert step(releases, silent, 1, after_s=PARK_LIMIT_S) == 1
