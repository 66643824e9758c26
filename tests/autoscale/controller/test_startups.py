"""The pool's start-up is that of the replica that became ready last."""

from __future__ import annotations

from dataclasses import replace

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.controller.startups import Startups, youngest
from autoscale.fleet import ReplicaFleet
from autoscale.heard import Heard, Reports
from tests.autoscale.builders import NOW_S, fleet, pool, replica, replica_signals


def test_the_youngest_ready_replica_speaks_for_the_pool() -> None:
    """Whoever is still starting has no whole start to tell of; nor has a replica that never reported."""
    replicas = (
        replica("old", since_s=10.0),
        replica("young", since_s=20.0),
        replica("silent", since_s=30.0),
        replica("starting", stage="warming", since_s=40.0),
    )
    heard = {
        name: [Heard(at_s=50.0, signals=replica_signals(name, startup=((name, 1.0),)))]
        for name in ("old", "young", "starting")
    }
    assert youngest(pool(replicas=replicas), Reports(replicas=heard)) == (("young", 1.0),)


def test_nothing_while_no_replica_is_ready() -> None:
    """A pool that has only begun."""
    assert youngest(pool(ready=0, starting=1), Reports()) == ()


def started(name: str, *, since_s: float, took_s: float) -> ReplicaFleet:
    return replace(replica(name, since_s=since_s), startup_s=took_s)


def test_a_pool_that_sleeps_is_known_to_need_what_its_last_start_took() -> None:
    """The youngest start counts, and is remembered when nobody is left to tell of it."""
    startups, asleep = Startups(), pool(ready=0)
    assert startups.cold_start_s("dense", asleep) is None
    assert startups.ready_in_s("dense", asleep, NOW_S) is None
    ready = (started("a", since_s=1.0, took_s=90.0), started("b", since_s=2.0, took_s=40.0))
    startups.see(fleet(dense=pool(replicas=ready)))
    startups.see(fleet(dense=asleep))
    assert startups.cold_start_s("dense", asleep) == 40.0
    assert startups.ready_in_s("dense", asleep, NOW_S) == 40.0


def test_a_start_under_way_is_subtracted_and_a_late_one_still_needs_a_little() -> None:
    """The earliest of several counts."""
    startups = Startups()
    startups.see(fleet(dense=pool(replicas=(started("a", since_s=1.0, took_s=40.0),))))
    for ago_s, left_s in ((30.0, 10.0), (100.0, 4.0)):
        coming = tuple(
            replace(replica(name, stage="loading"), requested_s=NOW_S - when)
            for name, when in (("b", ago_s), ("c", 1.0))
        )
        assert startups.ready_in_s("dense", pool(replicas=coming), NOW_S) == left_s


def test_a_profile_speaks_until_a_start_was_seen() -> None:
    """Measured elsewhere is better than nothing."""
    step = StepModel(base_s=0.01, prefill_token_s=0, prefill_context_s=0, sequence_s=0, kv_token_s=0)
    starts = StartTimes(median_s=180.0)
    profile = EngineProfile(model="m", hardware="cpu", step=step, limits=EngineLimits(), starts=starts)
    assert Startups().cold_start_s("dense", pool(ready=0, profile=profile)) == 180.0
