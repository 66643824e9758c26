"""The forecast policy: when it looks ahead, how far, and what it makes of that."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from autoscale.capacity.profile import StartTimes
from autoscale.fleet import Demand, Fleet, Slo
from autoscale.policies.forecast.policy import ForecastPolicy
from autoscale.policy import PoolDecision
from tests.autoscale.builders import fleet, pool
from tests.autoscale.policies.sla.test_policy import LENGTHS, PROFILE, fleets, state

SLOW = replace(PROFILE, starts=StartTimes(median_s=1800.0, sigma=0.0))
DAY_S = 86_400


def last(policy: ForecastPolicy, shown: Iterable[Fleet]) -> PoolDecision:
    """Show all, and return the last decision."""
    for one in shown:
        told = policy.decide(one)
    return told.pools["dense"]


def days(count: float, *, gap_s: float = 120.0, **given: Any) -> Iterable[Fleet]:
    """Yield fleets of days on which demand swings between 2 and 18 requests a second, from the middle upwards."""
    rates = [10 + 8 * math.sin(2 * math.pi * at * gap_s / DAY_S) for at in range(round(count * DAY_S / gap_s))]
    return fleets(rates, gap_s=gap_s, profile=SLOW, **given)


def test_a_steady_rate_is_shared_out_over_what_replicas_carry() -> None:
    """The high forecast divided by what one carries, at the horizon of a start and what lies before it."""
    told = last(ForecastPolicy(0.95), fleets([10.0] * 400))
    numbers = told.numbers
    assert numbers["forecast_rps"] == pytest.approx(10.0, rel=0.02)
    assert numbers["forecast_high_rps"] > numbers["forecast_rps"]
    assert numbers["horizon_s"] == pytest.approx(190.0, rel=0.1)
    assert told.replicas == math.ceil(numbers["forecast_high_rps"] / numbers["capacity_rps"] - 0.01)
    assert "by the level" in told.reason


def test_a_higher_quantile_asks_for_more_where_forecasts_err() -> None:
    """Of a rate that swings by a third every ten minutes."""
    swinging = [30.0 + 10.0 * (1 if at // 120 % 2 else -1) for at in range(1500)]
    low, high = (last(ForecastPolicy(quantile), fleets(swinging)).replicas for quantile in (0.5, 0.99))
    assert high > low


def test_the_day_leads_once_it_has_been_seen_and_not_before() -> None:
    """At the steepest rise half an hour is worth a tenth: naive on the first day, ahead of it on the fourth."""
    first, fourth = (last(ForecastPolicy(0.5), days(count)) for count in (1.0, 4.0))
    assert "by the day" not in first.reason
    assert "by the day" in fourth.reason
    truth = 10 + 8 * math.sin(2 * math.pi * fourth.numbers["horizon_s"] / DAY_S)
    naive_error = truth - fourth.numbers["rate_rps"]
    assert abs(truth - fourth.numbers["forecast_rps"]) < 0.7 * naive_error


def test_what_starts_is_not_asked_for_again() -> None:
    """The number is absolute, whatever is on its way."""
    alone = last(ForecastPolicy(0.95), fleets([30.0] * 50, ready=1)).replicas
    assert last(ForecastPolicy(0.95), fleets([30.0] * 50, ready=1, starting=alone - 1)).replicas == alone


def test_without_demand_nothing_is_needed_and_work_wakes_a_pool() -> None:
    """One request in hours is next to no rate, and has to be answered all the same."""
    policy = ForecastPolicy(0.95)
    assert last(policy, fleets([0.0] * 500, ready=0, min_replicas=0)).replicas == 0
    woken = fleet(1e6 + 2500, dense=state(1, ready=0, min_replicas=0, held=1))
    assert policy.decide(woken).pools["dense"].replicas == 1


def test_a_pool_whose_capacity_nobody_knows_keeps_what_it_has() -> None:
    """Without a profile or a step; one that is empty gets a replica where there is work."""
    policy = ForecastPolicy(0.95)
    assert policy.decide(fleet(dense=pool(ready=3, running=9))).pools["dense"].replicas == 3
    asleep = fleet(dense=pool(ready=0, demand=Demand(in_flight=1, held=1, lengths=LENGTHS)))
    assert policy.decide(asleep).pools["dense"].replicas == 1


def test_targets_that_no_rate_holds_are_said_to_be_so() -> None:
    """Rather than that something were still to be learned; the pool keeps what it has."""
    strict = (
        replace(one, pools={"dense": replace(one.pools["dense"], slo=Slo(ttft_p95_s=1e-3))})
        for one in fleets([10.0] * 50, ready=3)
    )
    told = last(ForecastPolicy(0.95), strict)
    assert told.replicas == 3
    assert "no rate holds the targets" in told.reason


def test_what_is_not_seen_does_not_get_smaller() -> None:
    """Nor is silence taken for a rate of none."""
    policy = ForecastPolicy(0.95)
    last(policy, fleets([6.0] * 100))
    told = policy.decide(fleet(1e6 + 3000, dense=state(3e3, blind=("gateway g0 silent for 9s",)))).pools["dense"]
    assert told.replicas >= 8
    assert "silent" in told.reason


def test_seasons_survive_a_restart_as_json() -> None:
    """The heir of four days leads by the day from its second count; a stranger's memory is refused."""
    policy = ForecastPolicy(0.5)
    shown = list(days(4.0))
    before = last(policy, shown[:-3])
    heir = ForecastPolicy(0.5)
    heir.recall(json.loads(json.dumps(policy.remembered())))
    after = last(heir, shown[-3:])
    assert "by the day" in after.reason
    assert after.numbers["forecast_rps"] == pytest.approx(before.numbers["forecast_rps"], rel=0.05)
    with pytest.raises((ValueError, KeyError, TypeError)):
        ForecastPolicy(0.5).recall({"dense": {"level": {}}})
