"""From one plan to another on a cluster that does what the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan
from cluster.rollout import roll_out
from cluster.running_plan import RunningPlan, as_kept, keep, recall
from cluster.spread import Spread, spread_of
from cluster.steps import steps
from tests.cluster.builders import document, machine, model, planned

ROOMY = (machine(cpus=64, gpus=0),)
TRIO = {"dense": model(replicas={"min": 1, "max": 4}), "moe": model(family="moe", source="demo/moe")}
OLD = planned(document(models=TRIO, default="moe"), ROOMY)


class Cluster:
    """Remembers what it is told; pools become ready and gateways take settings after so many looks."""

    def __init__(
        self, *, ready_after: int = 0, taken_after: int = 0, quiet_after: int = 0, broken: str = "", stays: str = ""
    ) -> None:
        self.told: list[str] = []
        self.looks = self.generation = 0
        self._ready_after, self._taken_after, self._quiet_after = ready_after, taken_after, quiet_after
        self._broken, self._stays = broken, stays

    def configure(self, plan: Plan) -> None:
        self.told.append(f"configure {','.join(sorted(pool.name for pool in plan.pools))}")

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        self.looks = 0
        self.generation += 1
        self.told.append(f"deploy {','.join(f'{pool.name} at {pool.initial_replicas}' for pool in pools)}")

    def deploy_gateway(self, plan: Plan) -> None:
        self.looks = 0
        self.told.append("gateway")

    def remove_pools(self, names: Sequence[str]) -> None:
        self.told.append(f"remove {','.join(names)}")

    def failures(self) -> Mapping[str, str]:
        return {self._broken: "it fell over"} if self._broken else {}

    def status(self) -> Mapping[str, Any]:
        """Show a replica of before and one that came with the last deployment; the one of before stays ready."""
        self.looks += 1
        newest = "ready" if self.looks > self._ready_after else "loading"
        taken = "new" if self.looks > self._taken_after else "old"
        pool = {
            "target": 3,
            "in_flight": int(self.looks <= self._quiet_after),
            "replicas": [
                {"replica": "first", "stage": newest if self.generation == 0 else "ready"},
                *([{"replica": f"of {self.generation}", "stage": newest}] if self.generation else []),
            ],
        }
        new = {**pool, "replicas": pool["replicas"][1:]}
        gateways = {"g0": taken, "g1": taken, **({self._stays: "old"} if self._stays else {})}
        return {
            "pools": {"dense": pool, "moe": pool, "fresh": new},
            "gateways": [{"gateway": name, "age_s": 0.5, "settings": has} for name, has in gateways.items()],
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


def named(plan: Plan) -> str:
    return ",".join(sorted(pool.name for pool in plan.pools))


def rolled(cluster: Cluster, new: Plan, within_s: float = 10.0, olds: Sequence[Plan] = (OLD,)) -> Spread:
    clock = Clock()
    return roll_out(
        cluster, olds, new, "new", within_s=within_s,
        running=lambda plans: cluster.told.append(f"running {' or '.join(named(plan) for plan in plans)}"),
        clock=clock, sleep=clock.sleep,
    )  # fmt: skip


def test_a_graph_alone_goes_to_the_gateways_alone() -> None:
    """No pool is touched, and the wait is for every gateway."""
    cluster = Cluster(taken_after=3)
    assert rolled(cluster, changed()).complete
    assert cluster.told == ["running dense,moe or dense,moe", "gateway", "running dense,moe"]
    assert cluster.looks == 4


def test_a_new_pool_is_ready_before_the_gateways_hear_of_it_and_an_old_one_goes_last() -> None:
    """No request is ever sent to a pool that is not there."""
    cluster = Cluster(ready_after=2)
    rolled(cluster, changed(moe=None, fresh=model()))
    assert cluster.told == [
        "running dense,moe or dense,fresh",
        "configure dense,fresh,moe",
        "deploy fresh at 1",
        "gateway",
        "running dense,fresh,moe",
        "running dense,fresh,moe or dense,fresh",
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
    assert cluster.told[-3:] == ["remove fresh", "configure dense,moe", "running dense,moe"]
    assert "gateway" not in cluster.told


def test_a_pool_that_changes_starts_from_the_replicas_it_has() -> None:
    """Serve would size it to its initial number: three replicas must not become one for another queue length."""
    new = changed(dense=model(replicas={"min": 1, "max": 4}, max_waiting=5))
    (dense,) = steps([OLD], new, {"dense": 3}).changed
    assert dense.initial_replicas == 3
    (smaller,) = steps([OLD], changed(dense=model(replicas={"min": 1, "max": 2})), {"dense": 3}).changed
    assert smaller.initial_replicas == 2
    assert steps([OLD], OLD, {"dense": 3}).changed == ()


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


def test_a_gateway_that_is_being_stopped_holds_back_what_its_requests_may_need() -> None:
    """With fewer gateways wanted there are enough that have the new graph while another still answers by the old."""
    cluster = Cluster(stays="g2")
    spread = rolled(cluster, changed(moe=None), within_s=2.0)
    assert spread.having == ("g0", "g1")
    assert not spread.complete
    assert not any(told.startswith("remove") for told in cluster.told)


def test_a_pool_goes_after_the_requests_that_it_has() -> None:
    """Those of the old graph are heard of as demand; a while without any is waited for."""
    cluster = Cluster(quiet_after=20)
    rolled(cluster, changed(moe=None))
    assert "remove moe" in cluster.told
    assert 30 <= cluster.looks <= 36  # three seconds, a look each quarter, after the last request
    endless = Cluster(quiet_after=10**6)
    rolled(endless, changed(moe=None), within_s=5.0)
    assert "remove moe" in endless.told  # it drains


def test_gateways_know_a_new_pool_before_their_graph_leads_to_it() -> None:
    """They report once a second and are answered with the pools; one that has not since the pool was ready is late."""

    class Slow(Cluster):
        """Gateways that have last been heard of at a time of their own."""

        def __init__(self) -> None:
            super().__init__()
            self.ages: list[float] = []

        def deploy_gateway(self, plan: Plan) -> None:
            self.ages.append(self.looks * 0.25)
            super().deploy_gateway(plan)

        def status(self) -> Mapping[str, Any]:
            found = super().status()
            heard = 0.1 if self.looks > 12 else self.looks * 0.25 + 1.0
            return {**found, "gateways": [{**one, "age_s": heard} for one in found["gateways"]]}

    cluster = Slow()
    rolled(cluster, changed(fresh=model()))
    assert cluster.ages == [13 * 0.25]


def test_an_engine_that_restarts_is_back_before_all_is_done() -> None:
    """A ready replica of before says nothing of the new ones."""
    new = changed(dense=model(replicas={"min": 1, "max": 4}, engine={"max_num_seqs": 3}))
    assert steps([OLD], new, {}).restarted == ("dense",)
    cluster = Cluster(ready_after=4)
    assert rolled(cluster, new).complete
    assert cluster.looks > 4
    for cluster, why in ((Cluster(broken="dense"), "it fell over"), (Cluster(ready_after=10**6), "ready in time")):
        with pytest.raises(CannotServeError, match=f"engines that restart are not back: dense.*{why}"):
            rolled(cluster, new)
        assert cluster.told[-1] == "gateway"
        assert cluster.told[0] == "running dense,moe or dense,moe"


def test_an_engine_that_takes_the_change_as_it_runs_is_not_waited_for() -> None:
    """No new replica will come."""
    cluster = Cluster(ready_after=10**6)
    assert rolled(cluster, changed(dense=model(replicas={"min": 1, "max": 4}, max_waiting=5))).complete
    assert cluster.looks == 1


def test_engines_are_told_of_other_folders_for_adapters() -> None:
    """The folders stand in the gateway's settings, and each engine reads only from inside them."""
    section = {"token_env": "T", "adapters_from": ["/srv/adapters"]}
    wide = {**section, "adapters_from": ["/srv/adapters", "/srv/others"]}
    plans = [
        planned({**document(models=TRIO, default="moe"), "gateway": {"admin": one}}, ROOMY) for one in (wide, section)
    ]
    todo = steps(plans[:1], plans[1], {"dense": 3})
    assert {pool.name: pool.initial_replicas for pool in todo.changed} == {"dense": 3, "moe": 1}
    assert todo.restarted == ()


def test_a_controller_that_is_busy_for_a_moment_ends_nothing() -> None:
    """The wait for a new pool goes on."""

    class Busy(Cluster):
        def failures(self) -> Mapping[str, str]:
            raise CannotServeError("nobody answers")

        def status(self) -> Mapping[str, Any]:
            found = super().status()
            if self.looks % 2 == 0:
                raise CannotServeError("the fleet controller does not answer")
            return found

    assert rolled(Busy(ready_after=3, quiet_after=2), changed(fresh=model())).complete


@pytest.mark.parametrize("where", ["configure", "deploy_pools", "failures", "deploy_gateway", "remove_pools"])
def test_a_change_that_stops_half_way_is_written_down(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try finds both plans, whichever step an interrupt has hit, and leaves nothing of either behind."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    cluster, new = Cluster(ready_after=2), changed(moe=None, fresh=model())
    monkeypatch.setattr(cluster, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        rolled(cluster, new)
    last = [told for told in cluster.told if told.startswith("running")][-1]
    assert last == (
        "running dense,fresh,moe or dense,fresh" if where == "remove_pools" else "running dense,moe or dense,fresh"
    )


def test_the_way_back_from_half_a_change_hands_over_what_differs_from_either() -> None:
    """The plan of before is no reason to leave a pool as it is: the change that stopped may have reached it."""
    half = changed(dense=model(replicas={"min": 1, "max": 4}, max_waiting=7), moe=None, fresh=model())
    cluster = Cluster()
    assert rolled(cluster, OLD, olds=(OLD, half)).complete
    assert cluster.told == [
        "running dense,moe or dense,fresh",
        "configure dense,fresh,moe",
        "deploy moe at 1",
        "deploy dense at 3",
        "gateway",
        "running dense,fresh,moe",
        "running dense,fresh,moe or dense,moe",
        "remove fresh",
        "configure dense,moe",
        "running dense,moe",
    ]


def test_half_a_change_that_cannot_go_on_stays_written_down() -> None:
    """Nothing that may have run before is taken away for a new pool that does not start."""
    half = changed(other=model(), moe=None)
    cluster = Cluster(broken="fresh")
    with pytest.raises(CannotServeError, match=r"still half way.*it fell over"):
        rolled(cluster, changed(other=model(), fresh=model()), olds=(OLD, half))
    assert cluster.told[-2:] == ["remove fresh", "configure dense,moe,other"]
    assert cluster.told[0] == "running dense,moe or dense,other or dense,fresh,moe,other"


def test_a_plan_is_kept_and_found_again(tmp_path: Path) -> None:
    """What was served compares equal to the same document resolved once more."""
    assert recall(tmp_path) is None
    keep(tmp_path, RunningPlan(plan=OLD, cache="/cache", unsure=(changed(),)))
    found = recall(tmp_path)
    assert found is not None
    assert found.plans == (as_kept(OLD), as_kept(changed()))
    assert found.cache == "/cache"
    assert found.plan == as_kept(planned(document(models=TRIO, default="moe"), ROOMY))
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "plan.json").write_text("{}")
    assert recall(tmp_path) is None
