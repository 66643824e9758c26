"""An old word of the controller is not acted on."""

from __future__ import annotations

from deployments.pool.last_view import STALE_AFTER_S, LastView
from deployments.signals import FleetView


def test_a_view_is_fresh_for_a_while_and_the_latest_for_ever() -> None:
    """A dead controller's last word must not refuse requests for ever."""
    now = [100.0]
    held = LastView(lambda: now[0])
    assert held.fresh() is None
    assert held.latest() is None
    view = FleetView(at_s=7.0, pools={})
    held.take(view)
    assert held.fresh() is view
    now[0] += STALE_AFTER_S + 0.1
    assert held.fresh() is None
    assert held.latest() is view
