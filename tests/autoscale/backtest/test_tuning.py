"""Searching a policy's options."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from autoscale.backtest.figures import Figures
from autoscale.backtest.space import knobs, neighbours, told
from autoscale.backtest.tuning import Tried, best, descend, halved
from autoscale.policies.grammar import parse
from autoscale.spec import AutoscaleSpec

assert AutoscaleSpec  # importing it makes the grammar know the kinds

NOTHING = Figures(**{field.name: 0.0 for field in fields(Figures)})


def test_numbers_inside_wrapped_policies_are_knobs():
    """A combinator's own number and those of the policy inside."""
    spec = parse({"hold-down": {"window": "120s", "of": "queue"}})
    names = [".".join(path) for path in knobs(spec)]
    assert names[0] == "window"
    assert "of.target_utilization" in names


def test_neighbours_pass_the_options_own_checks():
    """A share stays below one, and the number itself is not tried again."""
    spec = parse({"sla": {"slo_target": 0.999}})
    tried = [one.slo_target for one in neighbours(spec, ("slo_target",))]
    assert tried
    assert all(0.5 <= value < 1 and value != 0.999 for value in tried)
    assert told(spec, ("slo_target",)) == "slo_target 0.999"


def test_finds_the_cheapest_setting_that_holds():
    """GPU-hours fall with the utilisation, the SLO breaks above 0.8."""

    def judge(spec):
        share = 1.0 if spec.target_utilization <= 0.8 else 0.9
        return replace(NOTHING, slo=share, gpu_hours=1 / spec.target_utilization)

    start = parse({"queue": {"target_utilization": 0.4}})
    tried = descend(start, judge, 0.999, most=60)
    best = min(tried, key=lambda one: one.rank(0.999))
    assert tried[0].setting == start
    assert 0.6 < best.setting.target_utilization <= 0.8
    assert best.figures.slo == 1.0


@pytest.mark.parametrize("holds", range(10))
def test_halving_a_ladder_finds_the_most_careless_setting_that_holds(holds):
    """In four tries of nine settings, wherever that is; where none holds, what comes nearest."""
    ladder = tuple(range(1, 10))

    def judge(one):
        return replace(NOTHING, slo=1.0 if one <= holds else 0.9 - one / 100, gpu_hours=10.0 - one)

    tried = halved(ladder, judge, 0.999)
    assert len(tried) <= 4
    assert best(tried, 0.999).setting == max(1, holds)


def test_ranks_by_gpus_and_by_cost_where_there_are_none():
    """Two small replicas are less than one large one, whatever their number."""
    small, large = (replace(NOTHING, replica_hours=hours, gpu_hours=gpus) for hours, gpus in ((2.0, 4.0), (1.0, 8.0)))
    tried = [Tried(setting="large", figures=large), Tried(setting="small", figures=small)]
    assert best(tried, 0.0).setting == "small"
    assert replace(NOTHING, replica_hours=2.0, cost=5.0).paid == 5.0


def test_tries_no_more_than_it_may():
    """However many neighbours there are."""
    assert len(descend(parse("queue"), lambda _: NOTHING, 0.999, most=7)) == 7
