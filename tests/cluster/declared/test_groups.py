"""Groups of machines: quantities as Kubernetes writes them, and pools that are kept to theirs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster.applications.pools import _ray_actor_options
from cluster.declared.groups import GATEWAY, Group, kept_to_groups, machines, misgrouped, offered, quantity
from cluster.plan import Machine
from tests.cluster.builders import GIB, document, model, planned

CPU = Group(cpu="8", memory="32Gi", most=2)


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("8", 8), (8, 8), ("64Gi", 64 * GIB), ("1.5Gi", 1.5 * GIB), ("2G", 2e9)]
)
def test_quantities_are_read_as_kubernetes_writes_them(text, value):
    """Binary and decimal units, and thousandths."""
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "8 Gi", "-1", "1e3", "64gi", "²", True, None, 1.5, "9" * 400 + "x"])
def test_other_quantities_are_refused(text):
    """What Kubernetes would not take is not taken for something else."""
    with pytest.raises(ValueError, match="is not a quantity such as 500m, 8 or 64Gi"):
        quantity(text)


def test_a_group_is_its_machines():
    """As many as there may be, all alike."""
    assert machines({"a": CPU}) == (Machine(cpus=8, gpus=0, memory=32 * GIB),) * 2


def test_a_group_without_machines_is_refused():
    """A group of none could hold nothing."""
    with pytest.raises(ValidationError, match="most"):
        Group(cpu=8, memory="1Gi", most=0)


def test_pools_are_kept_to_their_group_and_gateways_to_theirs():
    """By a grain of what machines of the group offer; pools of no group lie anywhere."""
    plan = planned(document(models={"a": model(), "b": model()}, default="a"), machines({"one": CPU}))
    kept = kept_to_groups(plan, {"one": CPU.model_copy(update={"pools": ("a",)})})
    assert kept.gateway.resources == {GATEWAY: 1.0}
    assert [offered("one") in pool.bundles[0] for pool in kept.pools] == [True, False]
    assert _ray_actor_options(kept.pools[0])["resources"] == {"tercet-group-one": 0.001}
    assert "resources" not in _ray_actor_options(kept.pools[1])


def test_every_rank_is_kept_to_the_group():
    """A placement group asks with every bundle."""
    gpus = Group(cpu=32, memory="64Gi", gpus=2, most=1, pools=("a",))
    plan = planned(document(models={"a": model(engine={"tensor_parallel_size": 2})}), machines({"one": gpus}))
    kept = kept_to_groups(plan, {"one": gpus})
    assert [bundle[offered("one")] for bundle in kept.pools[0].bundles] == [0.001, 0.001]


def test_no_engine_binds_cores_in_a_container():
    """Two containers on one machine see the same cores and would bind the same ones."""
    plan = planned(document(), machines({"one": CPU}))
    assert plan.pools[0].pinned_cores is not None
    assert kept_to_groups(plan, {"one": CPU}).pools[0].pinned_cores is None


def test_wrong_groups_are_named():
    """Unknown pools, pools of two groups, and ranks for which no machine of the group has room."""
    plan = planned(document(models={"dense": model(resources={"cpus": 6})}), machines({"one": CPU}))
    groups = {
        "one": CPU.model_copy(update={"pools": ("dens", "dense")}),
        "two": Group(cpu=4, memory="1Gi", most=1, pools=("dense",)),
        "three": Group(cpu=8, memory="32Gi", most=1, pools=("dense",)),
    }
    assert [str(problem) for problem in misgrouped(plan, groups)] == [
        "workerGroups.one.pools: no pool is named 'dens'; did you mean dense? known: dense",
        "workerGroups.two.pools: dense is kept to the group one already; keep one",
        "workerGroups.three.pools: dense is kept to the group one already; keep one",
    ]
    alone = {"two": groups["two"]}
    assert [str(problem) for problem in misgrouped(plan, alone)] == [
        "workerGroups.two.pools: one rank of dense takes 6 CPU, and a machine of the group has 4"
    ]
