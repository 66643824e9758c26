"""What the control loop does is scraped from any gateway."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from deployments.engines.histogram import LatencyHistogram
from deployments.signals import FleetView, PoolState, Scaling
from deployments.telemetry.scaling import ScalingCollector


def scraped(view: FleetView | None, *, heard: bool = True) -> list[str]:
    registry = CollectorRegistry()
    registry.register(ScalingCollector(lambda: view, lambda: 12.5, lambda: heard))
    return generate_latest(registry).decode().splitlines()


def test_sizes_decisions_errors_and_times_are_there() -> None:
    """Each pool by name; decision times as a histogram."""
    taken = LatencyHistogram()
    taken.add(0.02)
    taken.add(200.0)
    scaling = Scaling(
        decisions={"dense": (3, 1)}, policy_errors=2, serve_errors=5, decide=taken.read(), proposed=("dense",)
    )
    pool = PoolState(ready=1, target=3, starting=2, parked=("r0",), starting_for_s=7.0)
    lines = scraped(FleetView(at_s=0.0, pools={"dense": pool}, brown_out={"dense": 0.25}, scaling=scaling))
    for line in (
        "tercet_autoscale_age_seconds 12.5",
        'tercet_autoscale_target{pool="dense"} 3.0',
        'tercet_autoscale_starting_for_seconds{pool="dense"} 7.0',
        'tercet_autoscale_pinned{pool="dense"} 0.0',
        'tercet_autoscale_ready{pool="dense"} 1.0',
        'tercet_autoscale_starting{pool="dense"} 2.0',
        'tercet_autoscale_parked{pool="dense"} 1.0',
        'tercet_autoscale_brown_out_share{pool="dense"} 0.25',
        'tercet_autoscale_decisions_total{direction="up",pool="dense"} 3.0',
        'tercet_autoscale_decisions_total{direction="down",pool="dense"} 1.0',
        'tercet_autoscale_proposed{pool="dense"} 1.0',
        "tercet_autoscale_policy_errors_total 2.0",
        "tercet_autoscale_serve_errors_total 5.0",
        'tercet_autoscale_decision_seconds_bucket{le="0.025"} 1.0',
        'tercet_autoscale_decision_seconds_bucket{le="+Inf"} 2.0',
        "tercet_autoscale_decision_seconds_count 2.0",
    ):
        assert line in lines, line


def test_before_the_controller_s_first_word_nothing_is_claimed() -> None:
    """No zero that nobody measured."""
    assert scraped(None) == []


def test_a_gateway_that_hears_nothing_more_tells_no_old_counts() -> None:
    """Beside another that does, a counter would go back and forth."""
    pool = PoolState(ready=1, target=3, starting=2)
    view = FleetView(at_s=0.0, pools={"dense": pool}, scaling=Scaling(decisions={"dense": (3, 1)}))
    lines = [line for line in scraped(view, heard=False) if not line.startswith("#")]
    assert lines == ["tercet_autoscale_age_seconds 12.5"]
