"""Ray's own autoscaler reads from the RayCluster what the chart means: which group holds which kind of replica."""

from __future__ import annotations

import json

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

from cluster.declared.groups import GATEWAY, offered
from tests.charts.tools import PROFILES, of_kind, of_profile


@pytest.mark.parametrize("name", PROFILES)
def test_the_autoscaler_knows_what_each_group_offers(name):
    """The head and gateways offer no CPU, every group its own resource, engines what their machines have."""
    (service,) = of_kind(of_profile(name), "RayService")
    spec = service["spec"]["rayClusterConfig"]
    cluster = {"metadata": {"name": "t", "namespace": "llm"}, "spec": spec}
    types = _derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    told = json.loads(json.dumps(types))
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    for group, limits in (
        (one, groups[one]["template"]["spec"]["containers"][0]["resources"]["limits"]) for one in groups
    ):
        found = told[group]["resources"]
        if group == "gateway":
            assert (found["CPU"], found[GATEWAY]) == (0, 1)
        else:
            assert (found["CPU"], found[offered(group)]) == (int(limits["cpu"]), 1)
            assert found.get("GPU", 0) == int(limits.get("nvidia.com/gpu", 0))
        assert (told[group]["min_workers"], told[group]["max_workers"]) == (
            groups[group]["minReplicas"],
            groups[group]["maxReplicas"],
        )
    head = next(one for one in told.values() if one["resources"]["CPU"] == 0 and GATEWAY not in one["resources"])
    assert head["resources"]["CPU"] == 0
