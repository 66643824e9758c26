"""What the controller orders and how it judges the replicas' answers."""

from __future__ import annotations

import json
from itertools import count

from autoscale.controller.adapters import RunTimeAdapters, outcome
from deployments.adapters import AdapterOrder, AdapterReport
from tests.autoscale.builders import replica_signals

ORDER = AdapterOrder(path="/a", serial=5)


def adapters() -> RunTimeAdapters:
    return RunTimeAdapters(serials=count(1).__next__)


def test_the_same_order_again_changes_nothing_and_another_path_is_refused() -> None:
    """Whoever lost the answer may ask again; who wants another adapter must take the first one out."""
    held = adapters()
    assert held.load("dense", "a", "/a") == ""
    first = held.of("dense")["a"]
    assert held.load("dense", "a", "/a") == ""
    assert held.of("dense")["a"] == first
    assert "unload it first" in held.load("dense", "a", "/b")


def test_an_adapter_that_comes_back_is_another_one() -> None:
    """Its serial says so, although name and path are the same."""
    held = adapters()
    held.load("dense", "a", "/a")
    first = held.of("dense")["a"]
    assert held.unload("dense", "a") == ""
    assert held.of("dense") == {}
    assert "dense:a" in held.unload("dense", "a")
    held.load("dense", "a", "/a")
    assert held.of("dense")["a"].serial != first.serial


def test_orders_outlive_a_restart_and_not_their_pool() -> None:
    """What was stored is taken up again; a pool that is configured no longer has none."""
    held, later = adapters(), adapters()
    held.load("dense", "a", "/a")
    held.load("moe", "b", "/b")
    later.take(json.loads(json.dumps(held.plain())))
    assert [later.of(pool) for pool in ("dense", "moe")] == [held.of(pool) for pool in ("dense", "moe")]
    later.keep_only({"dense"})
    assert later.plain().keys() == {"dense"}


def test_a_load_waits_for_each_ready_replica_and_names_the_failed() -> None:
    """A report on an earlier adapter of the same name counts for nothing."""
    ready = [
        replica_signals("done", adapter_reports=(AdapterReport(name="a", serial=5),)),
        replica_signals("old", adapter_reports=(AdapterReport(name="a", serial=4),)),
        replica_signals("old-failure", adapter_reports=(AdapterReport(name="a", serial=4, error="no"),)),
        replica_signals("failed", adapter_reports=(AdapterReport(name="a", serial=5, error="rank 64"),)),
        replica_signals("silent"),
    ]
    found = outcome("a", ORDER, ready)
    assert found.done == ("done",)
    assert found.waiting == ("old", "old-failure", "silent")
    assert found.failures == {"failed": "rank 64"}


def test_an_unload_waits_until_no_ready_replica_speaks_of_it() -> None:
    """Other adapters do not matter."""
    ready = [
        replica_signals("done", adapter_reports=(AdapterReport(name="b", serial=0),)),
        replica_signals("late", adapter_reports=(AdapterReport(name="a", serial=5),)),
    ]
    found = outcome("a", None, ready)
    assert (found.done, found.waiting, dict(found.failures)) == (("done",), ("late",), {})
