"""Replicas are given up idle where they can be, in the order in which Serve stops them."""

from __future__ import annotations

from autoscale.controller.releases import PARK_LIMIT_S, Releases
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


def test_an_idle_victim_goes_at_once() -> None:
    """Nobody waits for nothing."""
    releases = Releases()
    assert step(releases, aged(1, 2, 3, running=(4, 4, 0)), 2) == 2


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
    releases = Releases()
    assert step(releases, aged(1, 2, 3, 4, running=(4, 4, 0, 0)), 1) == 2
    assert step(Releases(), aged(1, 2, 3, 4, running=(4, 0, 4, 0)), 1) == 3
    assert step(Releases(), aged(1, 2, 3, 4, running=(4, 0, 0, 4)), 1) == 4


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
