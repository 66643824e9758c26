"""The arbiter's promises in worked examples: who gets what, when, and what it says."""

from __future__ import annotations

import pytest

from autoscale.arbiter.arbiter import Arbiter
from autoscale.arbiter.spec import SharedSpec
from autoscale.hardware import Hardware, Node
from tests.autoscale.arbiter.dealing import arbiter, fleet, nodes, pool, sizes
from tests.autoscale.builders import NOW_S

OBSERVED = {"inventory": "observed"}


def test_passes_on_what_nothing_limits() -> None:
    """Where there is enough, decisions go through unchanged, reasons included."""
    present = fleet({"dense": pool(2), "moe": pool(1)})
    for asked in (arbiter({"dense": 6, "moe": 3}), arbiter({"dense": 6, "moe": 3}, gpus={"max": 9})):
        assert asked.decide(present) == asked.inner.decide(present)


def test_the_higher_priority_goes_first_and_the_other_is_told() -> None:
    """The example of the configuration: 8 GPUs, dense wants 6 and moe, which goes first, wants 3."""
    present = fleet({"dense": pool(0), "moe": pool(0, priority=1)})
    told = arbiter({"dense": 6, "moe": 3}, gpus={"max": 8}).decide(present).pools
    assert told["moe"].replicas == 3
    assert told["moe"].reason == "asked"
    dense = told["dense"]
    assert dense.replicas == 5
    assert dense.reason == "asked; gpus.max 8 binds: dense wants 6, gets 5; moe has higher priority"
    assert dense.binds == "gpus.max"
    assert dense.rejected == ("6 replicas: gpus.max 8",)
    assert dense.numbers == {"wanted_replicas": 6, "granted_replicas": 5}


def test_equals_share_by_what_they_miss() -> None:
    """Of two pools of one priority neither is starved."""
    present = fleet({"dense": pool(0), "moe": pool(0)})
    told = arbiter({"dense": 8, "moe": 4}, gpus={"max": 6}).decide(present)
    assert sizes(told) == {"dense": 4, "moe": 2}
    assert told.pools["moe"].reason.endswith("moe wants 4, gets 2; shared with dense of the same priority")


def test_money_binds_as_hardware_does() -> None:
    """A ceiling on the cost an hour is kept, whatever the GPUs."""
    dear = pool(1, hardware=Hardware(kind="gpu", gpus=1, cpus=1, cost_per_hour=10.0))
    told = arbiter({"dense": 5, "moe": 1}, cost_ceiling_per_hour=35).decide(fleet({"dense": dear, "moe": pool(1)}))
    assert sizes(told) == {"dense": 3, "moe": 1}
    assert "cost_ceiling_per_hour 35 binds" in told.pools["dense"].reason


def test_a_minimum_is_kept_whatever_there_is() -> None:
    """Minimums are the operator's word, even where they cost more than the budget."""
    present = fleet({"dense": pool(2, min_replicas=2), "moe": pool(3, min_replicas=1, priority=1)})
    assert sizes(arbiter({"dense": 2, "moe": 3}, gpus={"max": 1}).decide(present)) == {"dense": 2, "moe": 1}


def test_a_blind_pool_keeps_what_it_has() -> None:
    """Nothing is taken from a pool because data is missing: a higher priority waits, a budget is overdrawn."""
    present = {"dense": pool(4, blind=("gateway g silent for 9s",)), "moe": pool(1, priority=1)}
    asked = arbiter({"dense": 4, "moe": 4}, gpus={"max": 5}, arbiter={"patience": 0})
    for at_s in (NOW_S, NOW_S + 60):
        assert sizes(asked.decide(fleet(present, at_s=at_s))) == {"dense": 4, "moe": 1}
    over = arbiter({"dense": 4, "moe": 1}, gpus={"max": 2})
    assert sizes(over.decide(fleet(present)))["dense"] == 4


def test_running_replicas_are_taken_only_after_patience_and_given_once_they_have_drained() -> None:
    """A higher priority waits for ``patience``, then for the replica that leaves, and then has its own; no flapping."""
    asked = arbiter({"dense": 8, "moe": 2}, gpus={"max": 8}, arbiter={"patience": "30s"})
    before = {"dense": pool(8), "moe": pool(0, priority=1)}
    assert sizes(asked.decide(fleet(before))) == {"dense": 8, "moe": 0}
    assert sizes(asked.decide(fleet(before, at_s=NOW_S + 29))) == {"dense": 8, "moe": 0}
    taken = asked.decide(fleet(before, at_s=NOW_S + 30))
    assert sizes(taken) == {"dense": 6, "moe": 0}
    assert taken.pools["moe"].reason == "asked; moe wants 2, has 0 until replicas that leave have drained"
    draining = {"dense": pool(6, leaving=2), "moe": pool(0, priority=1)}
    assert sizes(asked.decide(fleet(draining, at_s=NOW_S + 31))) == {"dense": 6, "moe": 0}
    half = {"dense": pool(6, leaving=1), "moe": pool(0, requested=1, priority=1)}
    assert sizes(asked.decide(fleet(half, at_s=NOW_S + 60))) == {"dense": 6, "moe": 1}
    after = {"dense": pool(6), "moe": pool(2, priority=1)}
    for second in range(61, 400, 20):
        assert sizes(asked.decide(fleet(after, at_s=NOW_S + second))) == {"dense": 6, "moe": 2}


def test_equals_do_not_take_from_each_other_for_a_little() -> None:
    """Between pools of one priority a running replica moves only for more than the switching costs."""
    present = {"dense": pool(5), "moe": pool(3)}
    for wants, expected in (
        ({"dense": 6, "moe": 3}, {"dense": 5, "moe": 3}),
        ({"dense": 5, "moe": 4}, {"dense": 5, "moe": 3}),
        ({"dense": 5, "moe": 12}, {"dense": 4, "moe": 3}),
    ):
        asked = arbiter(wants, gpus={"max": 8}, arbiter={"patience": 0})
        asked.decide(fleet(present))
        assert sizes(asked.decide(fleet(present, at_s=NOW_S + 1))) == expected


def test_machines_bind_by_what_fits_on_each() -> None:
    """Two halves of a machine are no whole one: a replica of 4 GPUs does not fit where 2 and 2 are free."""
    inventory = nodes(8, 8, placed={"n0": {"small": 6}, "n1": {"small": 6}})
    present = fleet({"small": pool(12), "large": pool(0, gpus=4)}, inventory=inventory)
    told = arbiter({"small": 12, "large": 1}, **OBSERVED).decide(present)
    assert sizes(told) == {"small": 12, "large": 0}
    assert "no room for 4 GPUs binds" in told.pools["large"].reason
    assert told.pools["large"].binds == "inventory"
    assert sizes(arbiter({"small": 16, "large": 1}, **OBSERVED).decide(present))["small"] == 16


def test_an_elastic_inventory_leaves_machines_to_ray() -> None:
    """Without a word on the inventory Ray's autoscaler is asked for what is wanted, however few machines there are."""
    present = fleet({"large": pool(0, gpus=4)}, inventory=nodes(2))
    assert sizes(arbiter({"large": 3}).decide(present)) == {"large": 3}


def test_machines_that_may_be_added_count() -> None:
    """What Ray may add is room as well, and no more than that."""
    more = nodes(8, addable=((Node(node="big", kind="gpu", gpus=8, cpus=100), 1),))
    present = fleet({"large": pool(0, gpus=4)}, inventory=more)
    assert sizes(arbiter({"large": 5}, **OBSERVED).decide(present)) == {"large": 4}
    for most, given in ((1, 2), (2, 4)):
        written = arbiter({"large": 5}, machines=[{"gpus": 8, "count": 1, "most": most}])
        for inventory in (None, nodes(8)):
            assert sizes(written.decide(fleet({"large": pool(0, gpus=4)}, inventory=inventory))) == {"large": given}


def test_kinds_of_accelerators_are_not_mixed() -> None:
    """A replica profiled on one kind does not go to another; one that names none goes anywhere."""
    inventory = nodes(8)
    h100 = pool(0, hardware=Hardware(kind="H100", gpus=1, cpus=1))
    present = fleet({"here": pool(0), "there": h100}, inventory=inventory)
    assert sizes(arbiter({"here": 1, "there": 1}, **OBSERVED).decide(present)) == {"here": 1, "there": 0}


@pytest.mark.parametrize(("gpus", "fit"), [(0.5, 4), (0.4, 4), (0.34, 4), (0.3, 6)])
def test_a_fraction_comes_from_one_gpu(gpus: float, fit: int) -> None:
    """Two GPUs hold two replicas of 0.4 each, and not five in all."""
    present = fleet({"small": pool(0, gpus=gpus)}, inventory=nodes(2))
    assert sizes(arbiter({"small": 9}, **OBSERVED).decide(present)) == {"small": fit}


def test_a_replica_larger_than_a_machine_takes_several() -> None:
    """Sixteen GPUs lie on two machines of eight, and not on one and a half."""
    present = {"huge": pool(0, gpus=16)}
    assert sizes(arbiter({"huge": 2}, **OBSERVED).decide(fleet(present, inventory=nodes(8, 8, 8)))) == {"huge": 1}


def test_releases_empty_whole_machines() -> None:
    """Two pools that shrink leave one machine together instead of two half empty."""
    inventory = nodes(8, 8, 8, placed={"n0": {"a": 4}, "n1": {"a": 2, "b": 1}, "n2": {"b": 6}})
    present = fleet({"a": pool(6), "b": pool(7)}, inventory=inventory)
    for spec in ({}, OBSERVED):
        told = arbiter({"a": 4, "b": 6}, **spec).decide(present).pools
        assert sizes(arbiter({"a": 4, "b": 6}, **spec).decide(present)) == {"a": 4, "b": 6}
        assert (told["a"].release, told["b"].release) == (("n1", "n1"), ("n1",))


def test_the_same_problem_is_solved_once() -> None:
    """While nothing changes the solver is not asked again."""
    asked = arbiter({"dense": 6, "moe": 3}, gpus={"max": 8})
    asked.decide(fleet({"dense": pool(0), "moe": pool(0)}))
    solved = asked._solved
    asked.decide(fleet({"dense": pool(0), "moe": pool(0)}, at_s=NOW_S + 5))
    assert asked._solved is solved


def test_a_solver_without_time_leaves_the_greedy_allocation() -> None:
    """No time at all for the solver still gives an answer that keeps every limit."""
    present = fleet({"dense": pool(0), "moe": pool(0)})
    told = arbiter({"dense": 8, "moe": 4}, gpus={"max": 6}, arbiter={"solver": 0}).decide(present)
    assert sum(sizes(told).values()) == 6


def test_an_inner_policy_that_forgets_a_pool_is_for_others_to_contain() -> None:
    """The arbiter neither invents a number nor fails."""

    class Forgetful:
        def decide(self, fleet):  # type: ignore[no-untyped-def]
            from autoscale.policy import Decision  # noqa: PLC0415

            return Decision(pools={})

    asked = Arbiter(Forgetful(), SharedSpec.model_validate({"gpus": {"max": 1}}))
    assert asked.decide(fleet({"dense": pool(3)})).pools == {}
