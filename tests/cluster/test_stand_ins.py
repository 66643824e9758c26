"""Who stands in for whom: from the document to gateways and the controller, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from autoscale.hardware import Hardware
from autoscale.pools import PoolSettings
from cluster.applications.fleet_settings import fleet_pools
from cluster.changes import changes
from tests.cluster.builders import LAPTOP, complaints, document, machine, model, planned

GRAPH = {"auto": {"brown-out": "dense"}}


def trio(**distilled: Any) -> dict[str, Any]:
    return {
        "dense": model(runtime="synthetic"),
        "moe": model(family="moe", source="demo/moe", runtime="synthetic"),
        "distilled": model(family="distilled", source="demo/distilled", runtime="synthetic", **distilled),
    }


def test_a_node_without_to_leads_to_those_that_stand_in() -> None:
    """The gateway is sent whole nodes, and the controller is told the same stand-ins."""
    plan = planned(document(models=trio(stands_in_for="dense"), graph=GRAPH))
    assert plan.gateway.settings["graph"]["auto"]["to"] == ["distilled"]
    assert {pool.name: pool.stand_ins for pool in plan.pools} == {"dense": ("distilled",), "moe": (), "distilled": ()}
    assert plan.notes == ()


def test_a_node_that_says_to_whom_needs_no_other_word() -> None:
    """Stand-ins that only a node names come first, in its order, and those that models name behind them."""
    graph = {"auto": {"brown-out": "dense", "to": "moe"}}
    plan = planned(document(models=trio(stands_in_for=["dense"]), graph=graph))
    assert plan.gateway.settings["graph"]["auto"]["to"] == ["moe"]
    assert plan.pools[0].stand_ins == ("moe", "distilled")


def test_a_stand_in_that_no_node_acts_on_is_noted() -> None:
    """Nothing moves without a node, and the note names the node to add."""
    [note] = planned(document(models=trio(stands_in_for=["dense"]), default="dense")).notes
    assert note == (
        "models.distilled.stands_in_for: no node of the graph acts on it; add "
        "`dense-or-distilled: {brown-out: dense}` and lead to that instead of dense"
    )


def test_the_controller_is_told_hardware_and_priority() -> None:
    """GPUs follow from the parallel sizes, a price that nobody gave from the GPUs."""
    models = {
        "dense": model(engine={"tensor_parallel_size": 4}, priority=3),
        "distilled": model(family="distilled", source="demo/distilled", cost_per_hour=1.5, stands_in_for=["dense"]),
    }
    plan = planned(document(models=models, default="dense"), (machine(),))
    dense, distilled = (PoolSettings(**{**one, "profile": None}) for one in fleet_pools(plan))
    assert dense.hardware == Hardware(kind="gpu", gpus=4, cpus=4, cost_per_hour=4)
    assert (dense.priority, dense.stand_ins) == (3, ("distilled",))
    assert distilled.hardware == Hardware(kind="gpu", gpus=1, cpus=1, cost_per_hour=1.5)


def test_what_changes_restarts_no_engine() -> None:
    """Priorities, prices and stand-ins are for the controller and the gateways."""
    before = planned(document(models=trio(), default="dense"))
    after = planned(document(models=trio(stands_in_for=["dense"], priority=2, cost_per_hour=3), default="dense"))
    found = changes(before, after)
    assert {change.what.partition(":")[0] for change in found} == {
        "models.dense.stand-ins", "models.distilled.priority", "models.distilled.cost_per_hour",
    }  # fmt: skip
    assert not any(change.restarts for change in found)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"graph": GRAPH},
            'graph.auto.brown-out: "dense" has no stand-in; name one in `to`, or write `stands_in_for: [dense]` under '
            "the model that is one",
        ),
        (
            {"models": trio(stands_in_for=["dens"])},
            'models.distilled.stands_in_for[0]: "dens" is no pool of this cluster; did you mean dense? '
            "known: dense, distilled, moe",
        ),
        (
            {"models": trio(stands_in_for=["distilled"])},
            'models.distilled.stands_in_for[0]: is the model itself; name those that it may answer for',
        ),
        (
            {"graph": {"a": {"brown-out": "b", "to": "moe"}, "b": {"switch": [{"to": "dense"}]}}},
            'graph.a.brown-out: "b" is a graph node; name a pool of this cluster: nothing is known of any other\'s '
            "load and capacity",
        ),
        (
            {"autoscale": {"cost_ceiling_per_hour": 9}, "models": {"dense": model(runtime="synthetic")}},
            "models.dense.cost_per_hour: is missing; autoscale.cost_ceiling_per_hour needs to know what one replica "
            "costs",
        ),
        (
            {"autoscale": {"machines": [{"gpus": 8}]}},
            "autoscale.machines[0]: {\"gpus\": 8} is of no machine; write count, or most where Ray adds them",
        ),
        (
            {"autoscale": {"brown_out": {"daily_share": "120%"}}},
            'autoscale.brown_out.daily_share: "120%" is not a share between 0% and 100%, such as 5% or 0.05',
        ),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_the_way_out(changed: dict[str, Any], expected: str) -> None:
    """One line each, where it is and what to write."""
    assert complaints(document(**{"models": trio(), "default": "dense", **changed}), LAPTOP) == [expected]
