"""From one plan to another on a cluster that does what the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan
from cluster.rollout import Spread, roll_out, spread_of, steps
from cluster.running_plan import RunningPlan, as_kept, keep, recall
from tests.cluster.builders import document, machine, model, planned

ROOMY = (machine(cpus=64, gpus=0),)
TRIO = {"dense": model(replicas={"min": 1, "max": 4}), "moe": model(family="moe", source="demo/moe")}
OLD = planned(document(models=TRIO, default="moe"), ROOMY)


class Cluster:
    """Remembers what it is told; pools become ready and gateways take settings after so many looks."""

    def __init__(self, *, ready_after: int = 0, taken_after: int = 0, broken: str = "") -> None:
        self.told: list[str] = []
        self.looks = 0
        self._ready_after, self._taken_after, self._broken = ready_after, taken_after, broken

    def configure(self, plan: Plan) -> None:
        self.told.append(f"configure {','.join(sorted(pool.name for pool in plan.pools))}")

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        self.looks = 0
        self.told.append(f"deploy {','.join(f'{pool.name} at {pool.initial_replicas}' for pool in pools)}")

    def deploy_gateway(self, plan: Plan) -> None:
        self.looks = 0
        self.told.append("gateway")

    def remove_pools(self, names: Sequence[str]) -> None:
        self.told.append(f"remove {','.join(names)}")

    def failures(self) -> Mapping[str, str]:
        return {self._broken: "it fell over"} if self._broken else {}

    def status(self) -> Mapping[str, Any]:
        self.looks += 1
        ready = {"ready": 1} if self.looks > self._ready_after else {"loading": 1}
        taken = "new" if self.looks > self._taken_after else "old"
        return {
            "pools": {name: {"target": 3, "stages": ready} for name in ("dense", "moe", "fresh")},
            "gateways": [{"gateway": f"g{at}", "age_s": 0.5, "settings": taken} for at in range(2)],
        }


class Clock:
    """Seconds that pass in sleep alone."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def changed(old: Plan = OLD, **models: Any) -> Plan:
    """Return the plan of the trio with other models, None for one that goes, and a graph."""
    kept = {name: section for name, section in {**TRIO, **models}.items() if section is not None}
    graph = {"auto": {"fallback": [next(iter(kept))]}}
    plan = planned(document(models=kept, graph=graph), ROOMY)
    return replace(plan, gateway=replace(plan.gateway, replicas=2))


def rolled(cluster: Cluster, new: Plan, within_s: float = 10.0) -> Spread:
    clock = Clock()
    return roll_out(
        cluster, OLD, new, "new", within_s=within_s,
        running=lambda plan: cluster.told.append(f"running {','.join(sorted(pool.name for pool in plan.pools))}"),
        clock=clock, sleep=clock.sleep,
    )  # fmt: skip


def test_a_graph_alone_goes_to_the_gateways_alone() -> None:
    """No pool is touched, and the wait is for every gateway."""
    cluster = Cluster(taken_after=3)
    assert rolled(cluster, changed()).complete
    assert cluster.told == ["gateway", "running dense,moe"]
    assert cluster.looks == 4


def test_a_new_pool_is_ready_before_the_gateways_hear_of_it_and_an_old_one_goes_last() -> None:
    """No request is ever sent to a pool that is not there."""
    cluster = Cluster(ready_after=2)
    rolled(cluster, changed(moe=None, fresh=model()))
    assert cluster.told == [
        "configure dense,fresh,moe",
        "deploy fresh at 1",
        "gateway",
        "running dense,fresh,moe",
        "remove moe",
        "configure dense,fresh",
        "running dense,fresh",
    ]


@pytest.mark.parametrize("why", ["it fell over", "no replica ready in time"])
def test_a_new_pool_that_does_not_start_leaves_everything_as_it_was(why: str) -> None:
    """It is taken away again, and the gateways never hear of it."""
    cluster = Cluster(ready_after=10**6, broken="fresh" if why.startswith("it") else "")
    with pytest.raises(CannotServeError, match=f"nothing was changed.*fresh.*{why}"):
        rolled(cluster, changed(fresh=model()))
    assert cluster.told[-2:] == ["remove fresh", "configure dense,moe"]
    assert "gateway" not in cluster.told
    assert not any(told.startswith("running") for told in cluster.told)


def test_a_pool_that_changes_starts_from_the_replicas_it_has() -> None:
    """Serve would size it to its initial number: three replicas must not become one for another queue length."""
    new = changed(dense=model(replicas={"min": 1, "max": 4}, max_waiting=5))
    (dense,) = steps(OLD, new, {"dense": 3}).changed
    assert dense.initial_replicas == 3
    (smaller,) = steps(OLD, changed(dense=model(replicas={"min": 1, "max": 2})), {"dense": 3}).changed
    assert smaller.initial_replicas == 2
    assert steps(OLD, OLD, {"dense": 3}).changed == ()


def test_late_gateways_are_told_and_old_pools_stay_for_them() -> None:
    """Whoever still has the old graph may send there; the plan keeps them, so that another try removes them."""
    cluster = Cluster(taken_after=10**6)
    spread = rolled(cluster, changed(moe=None), within_s=2.0)
    assert cluster.told[-1] == "running dense,moe"
    assert not spread.complete
    assert spread.others == ("g0", "g1")
    assert not any(told.startswith("remove") for told in cluster.told)


def test_silent_gateways_count_for_nothing() -> None:
    """What one said long ago says nothing of what it has now."""
    heard = [("a", 0.2, "new"), ("b", 60.0, "new"), ("c", 0.2, "old")]
    status = {"gateways": [{"gateway": name, "age_s": age, "settings": has} for name, age, has in heard]}
    assert spread_of(status, 2, "new") == Spread(wanted=2, having=("a",), others=("c",))


def test_a_plan_is_kept_and_found_again(tmp_path: Path) -> None:
    """What was served compares equal to the same document resolved once more."""
    assert recall(tmp_path) is None
    keep(tmp_path, RunningPlan(plan=OLD, cache="/cache"))
    found = recall(tmp_path)
    assert found is not None
    assert found.cache == "/cache"
    assert found.plan == as_kept(planned(document(models=TRIO, default="moe"), ROOMY))
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "plan.json").write_text("{}")
    assert recall(tmp_path) is None
