"""What the queue policy asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.fleet import Demand, PoolFleet
from autoscale.policies.queue import QueuePolicy
from autoscale.policy import PoolDecision
from autoscale.spec import QueueSpec
from tests.autoscale.builders import NOW_S, fleet, histogram, pool, replica

SLOW = histogram(*[3.0] * 20)
FAST = histogram(*[0.2] * 20)


def decide(one: PoolFleet, **spec: float) -> PoolDecision:
    return QueuePolicy(spec=QueueSpec(**spec)).decide(fleet(dense=one)).pools["dense"]


@pytest.mark.parametrize(("running", "waiting", "replicas"), [(0, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 2), (4, 4, 4)])
def test_asks_for_the_replicas_that_fill_their_slots_to_the_target(running: int, waiting: int, replicas: int) -> None:
    """Half of four slots each: two ongoing requests a replica, queued ones included."""
    assert decide(pool(running=running, waiting=waiting), target_utilization=0.5).replicas == replicas


def test_counts_a_request_once_that_both_engine_and_gateway_report() -> None:
    """Ten in the engine and the same ten in flight are ten."""
    seen_twice = pool(running=4, waiting=6, demand=Demand(in_flight=10))
    assert decide(seen_twice, target_utilization=0.5).replicas == 5


def test_counts_requests_that_are_still_on_their_way_to_an_engine() -> None:
    """What gateways hold is work although no engine has seen it."""
    assert decide(pool(demand=Demand(in_flight=8, held=8)), target_utilization=0.5).replicas == 4


def test_leaves_out_the_work_of_a_replica_that_drains() -> None:
    """It ends where it is and needs no successor."""
    replicas = (replica("r0", running=1), replica("old", stage="draining", running=4))
    assert decide(pool(replicas=replicas, demand=Demand(in_flight=5)), target_utilization=0.5).replicas == 1


def test_wakes_an_empty_pool_for_one_held_request() -> None:
    """One is enough, whether or not the slots of a replica are known."""
    held = Demand(in_flight=1, held=1)
    assert decide(pool(ready=0, demand=held)).replicas == 1
    assert decide(pool(ready=0, slots=0, demand=held)).replicas == 1


def test_adds_one_when_first_tokens_come_too_late() -> None:
    """Late answers call for more although the slots are not full, and the reason has both numbers."""
    decision = decide(pool(ready=2, running=1, ttft_p95_s=1.0, ttft=SLOW))
    assert decision.replicas == 3
    assert "2.95s > 1s" in decision.reason


@pytest.mark.parametrize("starting", [0, 1, 2, 5])
def test_late_answers_never_ask_for_more_while_replicas_start(starting: int) -> None:
    """The request for one more than the ready ones stays the same however many are pending."""
    late = pool(ready=2, starting=starting, ttft_p95_s=1.0, ttft=SLOW)
    assert decide(late).replicas == 3


def test_late_answers_from_before_a_replica_joined_ask_for_nothing_more() -> None:
    """A window that still holds the time before the last scale-up would call for the next one, and the next."""
    joined = (replica("r0"), replica("r1", since_s=NOW_S - 10))
    assert decide(pool(replicas=joined, target=2, ttft_p95_s=1.0, ttft=SLOW)).replicas == 2


def test_few_answers_say_nothing() -> None:
    """One slow answer is an accident."""
    assert decide(pool(ready=1, ttft_p95_s=1.0, ttft=histogram(5.0)), ttft_samples=5).replicas == 0


def test_gives_no_replica_back_close_to_the_ttft_target() -> None:
    """Between headroom and target the pool keeps what it has; well below it may shrink."""
    assert decide(pool(ready=3, ttft_p95_s=3.2, ttft=SLOW)).replicas == 3
    assert decide(pool(ready=3, ttft_p95_s=3.2, ttft=FAST)).replicas == 0


def test_sizes_the_pool_so_that_the_queue_drains_in_time() -> None:
    """Twenty held at two first tokens a second take ten seconds: five allowed means twice the replicas."""
    queued = Demand(in_flight=20, held=20, first_token_rate=2.0)
    decision = decide(pool(ready=2, slots=1000, demand=queued), queue_drain=5.0)
    assert decision.replicas == 4
    assert decide(pool(ready=2, starting=2, slots=1000, demand=queued), queue_drain=5.0).replicas == 4


def test_a_short_queue_never_asks_for_more_replicas_than_there_are_requests() -> None:
    """Two held after three first tokens in half a minute would take twenty seconds: a third replica has no work."""
    begun = Demand(in_flight=2, held=2, first_token_rate=0.1)
    assert decide(pool(ready=1, slots=1000, demand=begun), queue_drain=5.0).replicas == 2
    assert decide(pool(ready=3, slots=1000, demand=begun), queue_drain=5.0).replicas == 3


@given(
    ready=st.integers(0, 6),
    starting=st.integers(0, 4),
    running=st.integers(0, 50),
    why=st.sampled_from(["gateway silent"]),
)
def test_never_shrinks_when_something_is_missing_from_the_picture(
    ready: int, starting: int, running: int, why: str
) -> None:
    """Known load is then a lower bound: it may raise the target, never lower it."""
    blind = pool(ready=ready, starting=starting, running=running, blind=(why,), demand=None)
    assert decide(blind).replicas >= blind.target
    assert decide(blind).replicas == max(blind.target, decide(replace(blind, blind=())).replicas)


LOADS = st.fixed_dictionaries(
    {
        "running": st.integers(0, 40),
        "waiting": st.integers(0, 40),
        "in_flight": st.integers(0, 80),
        "held": st.integers(0, 80),
    }
)


@given(less=LOADS, more=LOADS, ready=st.integers(0, 5), rate=st.floats(0, 10))
def test_more_load_never_asks_for_fewer(less: dict[str, int], more: dict[str, int], ready: int, rate: float) -> None:
    """The answer is monotone in every count at once."""

    def loaded(load: dict[str, int]) -> PoolFleet:
        demand = Demand(in_flight=load["in_flight"], held=load["held"], first_token_rate=rate)
        return pool(ready=ready, running=load["running"], waiting=load["waiting"], demand=demand)

    heavier = {key: max(less[key], more[key]) for key in less}
    assert decide(loaded(less)).replicas <= decide(loaded(heavier)).replicas


@given(
    values=st.lists(st.floats(0.01, 5.0), min_size=5, max_size=40), slower=st.floats(1.0, 4.0), ready=st.integers(1, 5)
)
def test_later_first_tokens_never_ask_for_fewer(values: list[float], slower: float, ready: int) -> None:
    """Every answer slowed down by the same factor asks for at least as many replicas."""
    before = pool(ready=ready, ttft_p95_s=1.0, ttft=histogram(*values))
    after = replace(before, ttft=histogram(*(value * slower for value in values)))
    assert decide(before).replicas <= decide(after).replicas


@given(starting=st.integers(0, 10), running=st.integers(0, 60), held=st.integers(0, 60))
def test_pending_replicas_never_raise_the_answer(starting: int, running: int, held: int) -> None:
    """Asked again while replicas start, with nothing else changed, the policy asks for the same."""
    demand = Demand(in_flight=held, held=held, first_token_rate=1.0)
    alone = pool(ready=2, running=running, demand=demand, ttft_p95_s=1.0, ttft=SLOW)
    pending = pool(ready=2, starting=starting, running=running, demand=demand, ttft_p95_s=1.0, ttft=SLOW)
    assert decide(pending).replicas == decide(alone).replicas
