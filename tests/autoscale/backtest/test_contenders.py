"""The grids that peers are tuned over."""

from __future__ import annotations

from inspect import signature

import pytest

from autoscale.backtest.contenders import PEERS, edges
from autoscale.backtest.entrants import Entrant
from autoscale.backtest.protocol import Task, make
from autoscale.backtest.trial import Trial
from tests.simulation.small import arrivals, scenario


@pytest.mark.parametrize("name", PEERS)
def test_every_setting_can_be_built(name):
    """Each option of a grid is one of the rule's."""
    peer = PEERS[name]
    for options in (peer.defaults, *peer.settings):
        assert set(options) <= set(signature(peer.rule).parameters)
    peer.policy(peer.settings[-1] if peer.settings else None)


def test_the_least_and_the_most_are_edges():
    """Of two values each would be one, so none is."""
    settings = [{"target": target, "wait": wait} for target in (4, 8, 16) for wait in (0, 30)]
    assert edges({"target": 16, "wait": 0}, settings) == ["target"]
    assert edges({"target": 4, "wait": 30}, settings) == ["target"]
    assert edges({"target": 8, "wait": 0}, settings) == []


def test_a_setting_at_its_grids_edge_is_told_in_its_row():
    """One replica can do it all, so the largest target is the cheapest that holds."""
    trial = Trial(name="t", scenario=scenario(interval_s=15.0), arrivals={"chat": [arrivals(600, 2.0)]})
    peer = Entrant(name="hpa-ongoing", kind="peer", rule="hpa-ongoing")
    settings = tuple(peer.tuned({"target": target}) for target in (0.5, 1.0, 64.0))
    row = make(Task(trial=trial, share=0.5, entrant=peer, tune_on=trial, settings=settings))
    assert row is not None
    assert row.name == "hpa-ongoing (target 64), target at the grid's edge"
