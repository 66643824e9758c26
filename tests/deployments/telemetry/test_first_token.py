"""The stages of the wait for a first token add up to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.request import Head
from deployments.telemetry.first_token import STAGES, server_timing, stages

seconds = st.floats(0, 100)


@given(st.tuples(*[seconds] * len(STAGES)))
def test_where_all_is_known_the_stages_sum_to_the_time_to_first_token(durations: tuple[float, ...]) -> None:
    """Nothing is counted twice and nothing is left out."""
    routing, queue, render, engine_queue, prefill, _ = durations
    arrived = 50.0
    head = Head(
        model="m", path=(), engine_queue_s=engine_queue, engine_ttft_s=engine_queue + prefill,
        replica_s=engine_queue + prefill + render, queued_s=queue, sent_s=arrived + routing + queue,
    )  # fmt: skip
    found = stages(head, arrived_s=arrived, first_s=arrived + sum(durations))
    assert found == pytest.approx(dict(zip(STAGES, durations, strict=True)), abs=1e-6)


def test_what_nobody_tells_is_left_out() -> None:
    """A synthetic transport knows neither engine nor replica."""
    assert stages(Head(model="m", path=()), arrived_s=0.0, first_s=1.0) == {}
    assert set(stages(Head(model="m", path=(), sent_s=0.5), arrived_s=0.0, first_s=1.0)) == {"routing", "queue"}


def test_the_header_is_in_milliseconds() -> None:
    """As the W3C's Server-Timing wants it."""
    assert server_timing({"routing": 0.0012, "prefill": 0.25}) == "routing;dur=1.2, prefill;dur=250.0"
