"""The brown-out policy over a course of fleets: it begins when capacity is late and ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from autoscale.arbiter.arbiter import Arbiter
from autoscale.arbiter.brown_out import BrownOut
from autoscale.arbiter.carries import Carries
from autoscale.arbiter.shared import shared
from autoscale.arbiter.spec import BrownOutSpec, SharedSpec
from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, Fleet, Load, PoolFleet, ReplicaFleet, Slo
from autoscale.policy import Decision, Policy, PoolDecision
from deployments.totals import LengthTotals, StepTotals

LIMITS = EngineLimits(slots=64, batched_tokens=2048, kv_tokens=400_000)
START_S = 180.0


def profile(slower: float) -> EngineProfile:
    """Return an engine; one that is twice as slow carries about half."""
    step = StepModel(
        base_s=0.01 * slower, prefill_token_s=5e-5 * slower, prefill_context_s=0.0, sequence_s=2e-4 * slower,
        kv_token_s=0.0,
    )  # fmt: skip
    return EngineProfile(model="m", hardware="gpu", step=step, limits=LIMITS, starts=StartTimes(median_s=START_S))


@dataclass(slots=True)
class Wants:
    """A policy that asks for what it is told to, and remembers what it was shown."""

    replicas: dict[str, int]
    seen: list[Fleet] = field(default_factory=list)

    def decide(self, fleet: Fleet) -> Decision:
        """Ask."""
        self.seen.append(fleet)
        return Decision(
            pools={name: PoolDecision(replicas=self.replicas[name], reason="asked") for name in fleet.pools}
        )


@dataclass(slots=True)
class Course:
    """A dense pool and its stand-in, second by second; what is published moves with the next second."""

    policy: Policy
    wants: Wants
    dense_rps: float = 10.0
    ready: int = 2
    starting: int = 0
    asked_s: float = 0.0
    waiting: int = 0
    blind: tuple[str, ...] = ()
    steps: StepTotals = field(default_factory=StepTotals)
    stand_in_ready: int = 2
    stand_in_rps: float = 1.0
    at_s: float = 0.0
    arrived: dict[str, float] = field(default_factory=lambda: {"dense": 0.0, "distilled": 0.0})
    moved: float = 0.0
    share: float = 0.0
    told: PoolDecision | None = None

    def run(self, seconds: int, **changed: Any) -> list[float]:
        """Go on for so many seconds and return the shares."""
        for name, value in changed.items():
            setattr(self, name, value)
        return [self._second() for _ in range(seconds)]

    def _second(self) -> float:
        self.at_s += 1
        moved = self.share * self.dense_rps
        self.moved += moved
        self.arrived["dense"] += self.dense_rps - moved
        self.arrived["distilled"] += self.stand_in_rps + moved
        dense = self._pool("dense", 2.0, self.ready, self.starting, stand_ins=("distilled",), blind=self.blind)
        distilled = self._pool("distilled", 0.5, self.stand_in_ready, 0)
        decision = self.policy.decide(Fleet(at_s=self.at_s, pools={"dense": dense, "distilled": distilled}))
        self.share, self.told = decision.brown_out.get("dense", 0.0), decision.pools["dense"]
        return self.share

    def _pool(self, name: str, slower: float, ready: int, starting: int, **given: Any) -> PoolFleet:
        load = Load(running=4, waiting=self.waiting if name == "dense" else 0, kv_used=0.1)
        steps = self.steps if name == "dense" else StepTotals()
        replicas = [
            ReplicaFleet(replica=f"{name}{at}", stage="ready", since_s=0.0, load=load, steps=steps)
            for at in range(ready)
        ]
        replicas += [
            ReplicaFleet(replica=f"{name}s{at}", stage="loading", since_s=self.asked_s, requested_s=self.asked_s)
            for at in range(starting)
        ]
        sent = int(self.arrived[name])
        finished = LengthTotals(
            requests=sent, prompt_tokens=500 * sent, output_tokens=100 * sent, prompt_squared=500.0**2 * sent,
            output_squared=100.0**2 * sent, prompt_output=50_000.0 * sent,
        )  # fmt: skip
        demand = Demand(
            arrivals_total=sent,
            lengths=finished,
            moved_total=int(self.moved) if name == "dense" else 0,
            stood_in_total=int(self.moved) if name == "distilled" else 0,
            in_flight=8 * ready,
        )
        return PoolFleet(
            min_replicas=1, max_replicas=50, target=ready + starting, replicas=tuple(replicas), demand=demand,
            profile=profile(slower), limits=LIMITS, slo=Slo(ttft_p95_s=2.0, tpot_p95_s=0.1), **given,
        )  # fmt: skip


def course(wants: Mapping[str, int] | None = None, **spec: Any) -> Course:
    """Return a course at rest: the dense pool carries what comes, and has done so for an hour."""
    asked = Wants({"dense": 2, "distilled": 2, **(wants or {})})
    begun = Course(BrownOut(asked, BrownOutSpec.model_validate(spec)), asked)
    begun.run(60)
    begun.at_s += 3540
    begun.arrived = {"dense": 36_000.0, "distilled": 3_600.0}
    begun.run(30)
    return begun


def brown_out(begun: Course) -> BrownOut:
    """Return the policy."""
    assert isinstance(begun.policy, BrownOut)
    return begun.policy


def step(begun: Course, seconds: int = 20) -> list[float]:
    """Four times the demand at once, and the replicas for it on their way."""
    begun.wants.replicas["dense"] = 8
    return begun.run(seconds, dense_rps=40.0, starting=6, asked_s=begun.at_s)


def test_nothing_moves_at_rest() -> None:
    """A pool that carries its demand moves nothing, whatever stands in for it."""
    assert set(course().run(60)) == {0.0}


def test_a_step_moves_what_does_not_fit_within_seconds() -> None:
    """Four times the demand: within five seconds most of what is too much is moved, and it is said why."""
    begun = course()
    carried = brown_out(begun)._pools["dense"].carries.rps
    shares = step(begun)
    ready_rps = 2 * (carried(begun.wants.seen[-1].pools["dense"]) or 0)
    assert shares[4] > 0
    assert shares[-1] == pytest.approx(1 - 0.95 * ready_rps / 40, abs=0.06)
    assert begun.told is not None
    assert "brown-out: 40/s come" in begun.told.reason
    assert begun.told.numbers["brown_out_share"] == shares[-1]


def test_the_share_shrinks_with_each_replica_and_ends_with_the_last() -> None:
    """It is a price paid only as long as capacity is missing."""
    begun = course()
    before = step(begun)[-1]
    half = begun.run(10, ready=4, starting=4)[-1]
    assert 0 < half < before
    assert begun.run(3, ready=8, starting=0)[0] == 0
    assert set(begun.run(60)) == {0.0}


def test_the_policy_inside_sees_the_demand_as_it_was_meant() -> None:
    """Or it would give up the very replicas that the others stand in for."""
    begun = course()
    step(begun, 40)
    seen = [fleet.pools["dense"].demand for fleet in begun.wants.seen[-11:]]
    assert seen[-1] is not None
    assert seen[0] is not None
    assert seen[-1].arrivals_total - seen[0].arrivals_total == pytest.approx(400, abs=2)
    stand_in = [fleet.pools["distilled"].demand for fleet in begun.wants.seen[-11:]]
    assert stand_in[-1] is not None
    assert stand_in[0] is not None
    assert stand_in[-1].arrivals_total - stand_in[0].arrivals_total == pytest.approx(10, abs=2)


def test_no_more_moves_than_the_stand_in_has_to_spare() -> None:
    """A stand-in that is busy itself takes little, one without a ready replica nothing."""
    free, busy, gone = course(), course(), course()
    carried = brown_out(busy)._pools["distilled"].carries.rps(busy.wants.seen[-1].pools["distilled"])
    assert carried
    busy.run(20, stand_in_rps=2 * carried - 12)
    gone.run(20, stand_in_ready=0)
    much, little, nothing = step(free)[-1], step(busy)[-1], step(gone)[-1]
    assert 0 < little < much
    assert nothing == 0
    assert gone.told is not None
    assert "no stand-in is ready" in gone.told.reason


def test_a_cap_and_a_price_hold_it_back() -> None:
    """``max_share`` is kept, and ``price`` 1 moves only what saves more than it moves."""
    assert max(step(course(max_share="25%"))) == 0.25


def test_it_can_be_turned_off() -> None:
    """Then nothing is learnt for it either."""
    wants = Wants({"dense": 2, "distilled": 2})
    policy = shared(wants, SharedSpec.model_validate({"brown_out": {"enabled": False}}))
    assert isinstance(policy, Arbiter)
    begun = Course(policy, wants)
    begun.run(60)
    assert set(step(begun)) == {0.0}


def test_a_pool_that_cannot_be_worked_out_has_no_brown_out(caplog: pytest.LogCaptureFixture) -> None:
    """Totals that no engine can have had: said once, and the decisions of the policy inside stand."""
    begun = course()
    before = step(begun)[-1]
    wrong = StepTotals(gram=cast("Any", ("none",) * 15))
    assert before > 0
    assert set(begun.run(5, steps=wrong)) == {0.0}
    assert begun.told == PoolDecision(replicas=8, reason="asked")
    assert caplog.text.count("brown_out_failed pool=dense") == 1
    assert begun.run(40, steps=StepTotals())[-1] > 0


@pytest.mark.parametrize("broken", ["dense", "distilled"])
def test_a_capacity_that_fails_ends_a_brown_out_and_is_learnt_anew(broken: str) -> None:
    """Of the pool itself, or of the one that stands in for it."""

    class Failing(Carries):
        def rps(self, pool: PoolFleet) -> float | None:
            raise RuntimeError("too many iterations")

    begun = course()
    assert step(begun)[-1] > 0
    brown_out(begun)._pools[broken].carries = Failing()
    assert begun.run(1) == [0.0]
    assert begun.told == PoolDecision(replicas=8, reason="asked")
    assert begun.run(40)[-1] > 0


def test_a_day_s_share_is_all_that_moves() -> None:
    """An overload that never ends has used up the day's allowance before long, and says so."""
    begun = course(daily_share="1%")
    shares = step(begun, 900)
    assert shares[10] > 0
    assert shares[-1] == 0
    assert begun.moved < 0.0125 * (36_000 * 24 + 40 * 900 * 24)
    assert begun.told is not None
    assert "1 % of a day's requests were moved already" in begun.told.reason


def test_capacity_that_nobody_asked_for_is_not_late() -> None:
    """Where the policy thinks that what is ready will do, nothing moves, unless that is plainly wrong."""
    begun = course()
    carried = brown_out(begun)._pools["dense"].carries.rps(begun.wants.seen[-1].pools["dense"])
    assert carried
    assert set(begun.run(20, dense_rps=1.3 * 2 * carried)) == {0.0}
    assert begun.run(20, dense_rps=3.0 * 2 * carried)[-1] > 0


def test_a_pool_that_is_not_seen_keeps_its_share() -> None:
    """Missing data neither begins a brown-out nor ends one."""
    begun = course()
    before = step(begun)[-1]
    assert begun.run(3, blind=("gateway g silent for 9s",)) == [before] * 3
    assert set(course().run(10, blind=("gateway g silent for 9s",), dense_rps=40.0)) == {0.0}


def test_what_was_moved_today_outlives_the_controller() -> None:
    """Another instance goes on with the same day."""
    begun = course()
    step(begun, 60)
    kept = brown_out(begun).remembered()
    after = BrownOut(begun.wants, BrownOutSpec())
    after.recall(kept)
    assert after.remembered()["dense"] == kept["dense"]
