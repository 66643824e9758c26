"""Serve's own scheduler stops replicas in the order that is expected of it: another Ray may change its mind."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve._private.deployment_scheduler import DeploymentScheduler, SpreadDeploymentSchedulingPolicy

from autoscale.controller.victims import Places, stopping_order
from tests.autoscale.builders import replica

POOL, OTHER = DeploymentID(name="Engine", app_name="pool-dense"), DeploymentID(name="Gateway", app_name="gateway")
NODES = ("head", "a", "b", "c")


class Labels:
    """All that Serve asks about machines here: none has a label."""

    def get_node_labels(self, node_id: str) -> dict[str, str]:
        return {}


def scheduler(placed: dict[DeploymentID, list[str]]) -> DeploymentScheduler:
    """Return Serve's scheduler, with running replicas on these machines, the oldest first."""
    serve = DeploymentScheduler(Labels(), "head", lambda *_: None)
    for deployment, nodes in placed.items():
        serve.on_deployment_created(deployment, SpreadDeploymentSchedulingPolicy())
        for at, node in enumerate(nodes):
            serve.on_replica_running(ReplicaID(unique_id=f"r{at}", deployment_id=deployment), node)
    return serve


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(NODES), min_size=1, max_size=12), st.lists(st.sampled_from(NODES), max_size=6))
def test_serve_stops_the_replicas_that_are_expected_to_go(pool: list[str], others: list[str]) -> None:
    """For every number of them, wherever they are and whatever else runs there."""
    replicas = [replica(f"r{at}", since_s=float(at)) for at in range(len(pool))]
    nodes = {f"r{at}": node for at, node in enumerate(pool)}
    crowd = {node: (pool + others).count(node) for node in NODES}
    expected = [one.replica for one in stopping_order(replicas, Places(nodes=nodes, crowd=crowd, head="head"))]
    serve = scheduler({POOL: pool, OTHER: others})
    for count in range(1, len(pool) + 1):
        stopped = serve._get_replicas_to_stop(POOL, count)
        assert {one.unique_id for one in stopped} == set(expected[:count])


def test_what_is_not_running_goes_first() -> None:
    """A replica that is being recovered, launched or placed is cancelled before one that answers."""
    serve = scheduler({POOL: ["a", "b"]})
    serve.on_replica_recovering(ReplicaID(unique_id="coming", deployment_id=POOL))
    assert {one.unique_id for one in serve._get_replicas_to_stop(POOL, 1)} == {"coming"}
