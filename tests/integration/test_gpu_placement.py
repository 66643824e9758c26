"""Planned bundles on real Ray nodes that declare logical GPUs: real placement groups, synthetic ranks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.plan import Machine, Plan, PoolPlan
from cluster.resolve import resolve

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

NODES = 2
GPUS = 4
MACHINE = Machine(cpus=8, gpus=GPUS, memory=64 * 2**30)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    nodes = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 8, "num_gpus": GPUS, "object_store_memory": 80 * 2**20, "include_dashboard": False},
    )
    nodes.add_node(num_cpus=8, num_gpus=GPUS, object_store_memory=80 * 2**20)
    ray.init(address=nodes.address, log_to_driver=False)
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def planned(tensor: int, pipeline: int) -> PoolPlan:
    document = {
        "models": {
            "big": {
                "family": "dense",
                "source": "org/model",
                "engine": {"tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline},
                "resources": {"gpus": tensor * pipeline, "cpus": 4},
            }
        }
    }
    plan = resolve(document, (MACHINE,) * NODES)
    assert isinstance(plan, Plan), plan
    return plan.pools[0]


@ray.remote(num_cpus=0, num_gpus=1)
class Rank:
    """Where a worker of the engine would run."""

    def where(self) -> tuple[str, tuple[str, ...]]:
        context = ray.get_runtime_context()
        return context.get_node_id(), tuple(context.get_accelerator_ids()["GPU"])


def ranks_of(pool: PoolPlan) -> list[tuple[str, tuple[str, ...]]]:
    """Reserve one replica's bundles and start a rank in each; returns every rank's node and GPUs, in rank order."""
    group = placement_group([dict(bundle) for bundle in pool.bundles], strategy=pool.strategy)
    try:
        ray.get(group.ready(), timeout=30)
        ranks: list[Any] = [
            Rank.options(  # type: ignore[attr-defined]
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
            ).remote()
            for index in range(len(pool.bundles))
        ]
        found: list[tuple[str, tuple[str, ...]]] = ray.get([rank.where.remote() for rank in ranks], timeout=30)
        for rank in ranks:
            ray.kill(rank)
        return found
    finally:
        remove_placement_group(group)


@pytest.mark.parametrize(("tensor", "pipeline"), [(2, 1), (4, 1), (2, 2), (4, 2)])
def test_every_rank_has_a_gpu_of_its_own_and_a_stage_stays_on_one_node(
    cluster: Cluster, tensor: int, pipeline: int
) -> None:
    """TP x PP ranks hold TP x PP different GPUs; ranks that share a layer share a machine."""
    ranks = ranks_of(planned(tensor, pipeline))
    assert len(ranks) == len(set(ranks)) == tensor * pipeline
    for stage in range(pipeline):
        nodes = {node for node, _ in ranks[stage * tensor : (stage + 1) * tensor]}
        assert len(nodes) == 1


def test_a_replica_that_one_node_can_hold_stays_there(cluster: Cluster) -> None:
    """TP 2 x PP 2 on machines of four GPUs never crosses the network."""
    assert planned(2, 2).strategy == "STRICT_PACK"
    assert len({node for node, _ in ranks_of(planned(2, 2))}) == 1


def test_a_replica_larger_than_a_node_spans_two(cluster: Cluster) -> None:
    """TP 4 x PP 2 takes both machines, a stage on each."""
    assert planned(4, 2).strategy == "PACK"
    assert len({node for node, _ in ranks_of(planned(4, 2))}) == 2
