"""The pool's start-up is that of the replica that became ready last."""

from __future__ import annotations

from autoscale.controller.startups import youngest
from autoscale.heard import Heard, Reports
from tests.autoscale.builders import pool, replica, replica_signals


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
