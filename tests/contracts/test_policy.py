"""What every scaling policy promises."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscale.fleet import Demand, Fleet, Slo
from autoscale.policies.combinators import Bounds, Contained, HoldDown, HoldUp, StepLimit
from autoscale.policies.compose import compose
from autoscale.policies.error_budget import ErrorBudget
from autoscale.policies.forecast.policy import ForecastPolicy
from autoscale.policies.kv_saturation import KvSaturation
from autoscale.policies.maximum import Maximum
from autoscale.policies.ongoing_requests import OngoingRequests
from autoscale.policies.queue import QueuePolicy
from autoscale.policies.queue_drain import QueueDrain
from autoscale.policies.sla.policy import Sla
from autoscale.policies.sla.spec import SlaSpec
from autoscale.policy import Policy
from autoscale.spec import AutoscaleSpec, QueueSpec
from tests.autoscale.builders import fleet, histogram, pool

POLICIES: dict[str, Callable[[], Policy]] = {
    "queue": lambda: QueuePolicy(spec=QueueSpec()),
    "sla": lambda: Sla(SlaSpec(), QueueSpec()),
    "ongoing-requests": lambda: OngoingRequests(8.0),
    "queue-drain": lambda: QueueDrain(5.0),
    "kv": lambda: KvSaturation(0.7),
    "forecast": lambda: ForecastPolicy(0.95),
    "error-budget": lambda: ErrorBudget(0.999, 0.25),
    "max": lambda: Maximum((KvSaturation(0.7), HoldDown(QueueDrain(5.0), 20.0))),
    "hold-down": lambda: HoldDown(QueuePolicy(spec=QueueSpec()), 20.0),
    "hold-up": lambda: HoldUp(QueuePolicy(spec=QueueSpec()), 5.0),
    "step-limit": lambda: StepLimit(QueuePolicy(spec=QueueSpec()), up=2, down=1),
    "bounds": lambda: Bounds(QueuePolicy(spec=QueueSpec())),
    "contained": lambda: Contained(QueuePolicy(spec=QueueSpec())),
    "composed": lambda: compose(AutoscaleSpec()),
}

POOLS = st.builds(
    pool,
    ready=st.integers(0, 4),
    starting=st.integers(0, 3),
    running=st.integers(0, 30),
    waiting=st.integers(0, 30),
    slots=st.integers(0, 8),
    slo=st.builds(Slo, ttft_p95_s=st.none() | st.floats(0.1, 5.0)),
    demand=st.none()
    | st.builds(Demand, in_flight=st.integers(0, 40), held=st.integers(0, 40), first_token_rate=st.floats(0, 9)),
    ttft=st.lists(st.floats(0.01, 100.0), max_size=20).map(lambda values: histogram(*values)),
    blind=st.sampled_from([(), ("gateway g silent for 9s",)]),
)
FLEETS = st.lists(
    st.tuples(st.floats(0.1, 30.0), st.dictionaries(st.sampled_from(["dense", "moe", "distilled"]), POOLS)), max_size=12
)


def _timeline(steps: list[tuple[float, dict[str, object]]]) -> list[Fleet]:
    at_s, fleets = 0.0, []
    for gap_s, pools in steps:
        at_s += gap_s
        fleets.append(fleet(at_s, **pools))  # type: ignore[arg-type]
    return fleets


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> Callable[[], Policy]:
    return POLICIES[request.param]


# The fixture only names a constructor: nothing is shared between examples.
laws = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@laws
@given(steps=FLEETS)
def test_the_same_fleets_in_the_same_order_give_the_same_decisions(
    policy: Callable[[], Policy], steps: list[tuple[float, dict[str, object]]]
) -> None:
    """Two fresh instances agree, so a live decision can be replayed."""
    first, second = policy(), policy()
    for present in _timeline(steps):
        assert first.decide(present) == second.decide(copy.deepcopy(present))


@laws
@given(steps=FLEETS)
def test_answers_for_every_pool_with_a_reason_and_a_count(
    policy: Callable[[], Policy], steps: list[tuple[float, dict[str, object]]]
) -> None:
    """No pool is left out, no reason is empty, no count is negative."""
    asked = policy()
    for present in _timeline(steps):
        decision = asked.decide(present)
        assert decision.pools.keys() == present.pools.keys()
        assert all(told.reason and told.replicas >= 0 for told in decision.pools.values())


@laws
@given(steps=FLEETS)
def test_pools_do_not_influence_each_other(
    policy: Callable[[], Policy], steps: list[tuple[float, dict[str, object]]]
) -> None:
    """Until something arbitrates between them, a pool is sized as if it were alone."""
    together, alone = policy(), policy()
    for present in _timeline(steps):
        for_all = together.decide(present)
        only = {name: state for name, state in present.pools.items() if name == "dense"}
        assert alone.decide(Fleet(at_s=present.at_s, pools=only)).pools.get("dense") == for_all.pools.get("dense")


@laws
@given(steps=FLEETS)
def test_reads_no_clock(
    policy: Callable[[], Policy], steps: list[tuple[float, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that asks for the time fails here."""

    def forbidden() -> float:
        raise AssertionError("a policy has read the clock")

    asked = policy()
    timeline = _timeline(steps)
    with monkeypatch.context() as patched:
        for clock in ("time", "monotonic", "perf_counter"):
            patched.setattr(time, clock, forbidden)
        errors = [asked.decide(present) for present in timeline]
    assert getattr(asked, "errors", 0) == 0
    assert len(errors) == len(timeline)
