"""Laws of placing replicas on machines."""

from __future__ import annotations

from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from cluster.cores import ASIDE_CPUS, divide
from cluster.packing import Demand, place, rooms
from cluster.placement import Shape, bundles, groups, strategy
from cluster.plan import Machine
from tests.cluster.builders import GIB, LAPTOP, document, machine, model, planned

SIZES = st.sampled_from([1, 2, 4, 8])
CPUS = st.floats(min_value=0.001, max_value=64)
GPU_SHAPES = st.builds(
    lambda tensor, pipeline, cpus, memory: Shape(
        tensor=tensor, pipeline=pipeline, cpus=cpus, gpus=tensor * pipeline, memory=memory
    ),
    SIZES,
    st.integers(1, 4),
    CPUS,
    st.none() | st.integers(1, 64 * GIB),
)
PART_SHAPES = st.builds(lambda gpus, cpus: Shape(cpus=cpus, gpus=gpus), st.sampled_from([0.01, 0.3, 0.5, 1.0]), CPUS)
CPU_SHAPES = st.builds(Shape, tensor=SIZES, cpus=CPUS, memory=st.none() | st.integers(1, 64 * GIB))
SHAPES = GPU_SHAPES | PART_SHAPES | CPU_SHAPES
MACHINES = st.builds(
    Machine, cpus=st.integers(1, 128), gpus=st.integers(0, 16), memory=st.integers(1 * GIB, 2048 * GIB)
)
CLUSTERS = st.lists(MACHINES, min_size=1, max_size=6).map(tuple)


@given(SHAPES)
def test_bundles_add_up_to_what_a_replica_takes(shape):
    """One bundle a rank on GPUs, each with at most one GPU and none empty; the sums are the replica's."""
    laid = bundles(shape)
    assert len(laid) == (shape.ranks if shape.gpus else 1)
    assert all(sum(bundle.values()) > 0 and bundle.get("GPU", 0) <= 1 for bundle in laid)
    assert isclose(sum(bundle.get("GPU", 0) for bundle in laid), shape.gpus)
    assert isclose(sum(bundle.get("CPU", 0) for bundle in laid), shape.cpus, abs_tol=1e-3)
    assert 0 <= (shape.memory or 0) - sum(bundle.get("memory", 0) for bundle in laid) < len(laid)


@given(SHAPES, CLUSTERS)
def test_parts_of_a_replica_are_whole_stages(shape, nodes):
    """A replica stays whole where a machine can hold it; otherwise every part holds all ranks of a tensor group."""
    how = strategy(shape, nodes)
    parts = groups(shape, how)
    assert (how == "STRICT_PACK") == any(node.gpus >= shape.gpus for node in nodes)
    assert sum(part.gpus for part in parts) == shape.gpus
    assert all(part.gpus % shape.tensor == 0 for part in parts if shape.gpus >= 1)
    assert len(parts) == (1 if how == "STRICT_PACK" else shape.pipeline)


@given(st.lists(st.tuples(SHAPES, st.integers(0, 12)), max_size=5), CLUSTERS)
def test_never_places_more_than_the_machines_have(wanted, nodes):
    """What lies on the machines and what is left of them is what they have, and nothing is below zero."""
    demands = [
        Demand(pool=f"p{at}", replicas=replicas, parts=groups(shape, strategy(shape, nodes)))
        for at, (shape, replicas) in enumerate(wanted)
    ]
    into = rooms(nodes)
    placed = place(demands, into)
    assert all(0 <= placed[demand.pool] <= demand.replicas for demand in demands)
    assert all(room.cpus >= -1e-6 and room.memory >= 0 and min(room.gpus, default=0) >= -1e-6 for room in into)
    for amount, had in (("cpus", sum(node.cpus for node in nodes)), ("gpus", sum(node.gpus for node in nodes))):
        used = sum(placed[d.pool] * sum(getattr(part, amount) for part in d.parts) for d in demands)
        left = sum(room.cpus if amount == "cpus" else sum(room.gpus) for room in into)
        assert isclose(used + left, had, abs_tol=1e-6)


@given(st.lists(st.tuples(st.floats(0.01, 16), st.integers(1, 8)), min_size=1, max_size=4), CLUSTERS)
def test_pinned_cores_are_disjoint_and_leave_one(wanted, nodes):
    """Whole cores only, no more than the machines have beside the one kept free; shared CPUs fit as well."""
    engines = [
        Demand(pool=f"p{at}", replicas=replicas, parts=(Shape(cpus=cpus),))
        for at, (cpus, replicas) in enumerate(wanted)
    ]
    cores = divide(engines, [], nodes)
    asked = sum(cores.cpus[demand.pool] * demand.replicas for demand in engines)
    assert asked <= sum(node.cpus - min(ASIDE_CPUS, node.cpus / 2) for node in nodes) + 1e-6
    if cores.pinned:
        assert all(cores.cpus[d.pool] >= d.parts[0].cpus and cores.cpus[d.pool].is_integer() for d in engines)
    else:
        assert all(cores.cpus[d.pool] <= d.parts[0].cpus for d in engines)
        assert cores.note is not None


def test_the_trio_fits_two_cores_without_pinning():
    """On a laptop three engines share the cores, ask Ray for little, and the plan says so."""
    plan = planned(document(models={name: model() for name in ("dense", "moe", "distilled")}, default="dense"))
    assert [pool.pinned_cores for pool in plan.pools] == [None] * 3
    assert [pool.bundles for pool in plan.pools] == [({"CPU": 0.25},)] * 3
    assert plan.notes[0].startswith("3 engines share 2 cores without pinning: ")


def test_engines_with_room_get_cores_of_their_own():
    """Where every replica that may run finds its cores, all are pinned and Ray is asked for whole cores."""
    models = {"dense": model(replicas={"max": 2}, resources={"cpus": 3}), "moe": model(resources={"cpus": 1})}
    plan = planned(document(models=models, default="dense"), (machine(cpus=8, gpus=0),))
    assert [pool.pinned_cores for pool in plan.pools] == [3, 1]
    assert [pool.cpus for pool in plan.pools] == [3, 1]
    assert plan.notes == ()


def test_one_more_replica_than_cores_shares_all():
    """Pinning is for all engines or for none."""
    models = {"dense": model(replicas={"max": 3}, resources={"cpus": 3}), "moe": model(resources={"cpus": 1})}
    plan = planned(document(models=models, default="dense"), (machine(cpus=8, gpus=0),))
    assert [pool.pinned_cores for pool in plan.pools] == [None, None]


def test_one_more_shared_replica_asks_ray_for_the_same():
    """A coarse share keeps other engines from restarting when one pool's ceiling is raised."""
    asked = {
        planned(document(models={"dense": model(replicas={"max": most})})).pools[0].cpus for most in (5, 6, 7, 8, 9, 10)
    }
    assert asked == {0.1}


def test_stages_of_a_pipeline_lie_on_several_machines():
    """Sixteen ranks on machines of eight GPUs are sixteen bundles, packed; on one of sixteen they stay together."""
    wide = document(models={"dense": model(engine={"tensor_parallel_size": 8, "pipeline_parallel_size": 2})})
    apart = planned(wide, (machine(), machine())).pools[0]
    together = planned(wide, (machine(gpus=16),)).pools[0]
    assert (apart.strategy, together.strategy) == ("PACK", "STRICT_PACK")
    assert apart.bundles == together.bundles == ({"CPU": 1.0, "GPU": 1.0},) * 16
    assert (apart.gpus, apart.cpus, apart.pinned_cores) == (16, 16, None)


def test_a_tensor_group_is_never_split():
    """Two half-empty machines hold no group of eight although eight GPUs are free."""
    shape = Shape(tensor=8, cpus=8, gpus=8)
    half = Demand(pool="half", replicas=2, parts=(Shape(tensor=4, cpus=4, gpus=4),))
    into = [room for node in (machine(), machine()) for room in rooms([node])]
    for room in into:
        place([Demand(pool="half", replicas=1, parts=half.parts)], [room])
    assert place([Demand(pool="wide", replicas=1, parts=(shape,))], into) == {"wide": 0}


def test_a_plan_that_cannot_grow_says_how_far_it_can():
    """Replicas beyond the machines are a note, not a problem: machines may come."""
    pool = model(resources={"memory": "10GiB"}, replicas={"min": 1, "max": 4})
    plan = planned(document(models={"dense": pool}), LAPTOP)
    assert plan.notes[-1] == (
        "models.dense.replicas.max: of 4 × (0.25 CPU + 10.0 GiB) there is room for 2 "
        "on 1 machine of 2 CPU, 0 GPU, 24.0 GiB"
    )
