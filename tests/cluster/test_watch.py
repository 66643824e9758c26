"""What a wait for new replicas asks, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.watch import FAILURES_S, POLL_S, Watch


class Starting:
    """A cluster whose pool is ready after *ready_s*, and which Serve gives up after *broken_s*; its clock is in it."""

    def __init__(self, ready_s: float, broken_s: float = 1e9) -> None:
        self.now_s, self.asked = 0.0, 0
        self._ready_s, self._broken_s = ready_s, broken_s

    def failures(self) -> Mapping[str, str]:
        self.asked += 1
        return {"dense": "it fell over"} if self.now_s >= self._broken_s else {}

    def status(self) -> Mapping[str, Any]:
        stage = "ready" if self.now_s >= self._ready_s else "loading"
        return {"pools": {"dense": {"replicas": [{"replica": "a", "stage": stage}]}}, "gateways": []}

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def waited(cluster: Starting, until_s: float = 60.0) -> str:
    watch = Watch(cluster=cluster, until_s=until_s, clock=lambda: cluster.now_s, sleep=cluster.sleep)
    return watch.ready(["dense"])


def test_what_serve_has_given_up_is_asked_seldom() -> None:
    """Reading Serve's whole state takes from the engines that are being waited for."""
    cluster = Starting(ready_s=20.0)
    assert waited(cluster) == ""
    assert cluster.now_s < 20.0 + 2 * POLL_S
    assert cluster.asked <= 20.0 / FAILURES_S + 2


def test_a_pool_that_is_given_up_ends_the_wait() -> None:
    """Within one look of it happening."""
    cluster = Starting(ready_s=1e9, broken_s=5.0)
    assert waited(cluster) == "dense: it fell over"
    assert cluster.now_s <= 5.0 + FAILURES_S


def test_a_pool_that_is_given_up_is_not_ready() -> None:
    """A replica of before may still be there: what Serve says is asked once more before the wait ends."""
    assert waited(Starting(ready_s=FAILURES_S / 2, broken_s=FAILURES_S / 2)) == "dense: it fell over"


def test_a_wait_ends_in_time() -> None:
    """With the name of what is not there."""
    assert waited(Starting(ready_s=1e9), until_s=3.0) == "dense had no replica ready in time"
