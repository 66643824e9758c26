"""The demand on pools, and how long first tokens take by where a request comes from."""

from __future__ import annotations

import pytest

from deployments.errors import EngineFailed, Invalid, NoReplica, ServingError
from deployments.signals import ClassDemand, PoolState
from deployments.telemetry.demand import Demand
from deployments.telemetry.metrics import Metrics
from tests.deployments.leap import leap
from tests.deployments.scripted import Pause, Scripted, collect, compiled
from tests.exposition import exposition

GRAPH = {"auto": {"switch": [{"to": "careful"}]}, "careful": {"fallback": ["dense", "moe"]}}


def test_first_tokens_are_told_by_edge() -> None:
    """Once for each branch that came so far, from the node that asked."""
    now_s, seen = [0.0], list[tuple[str, str, float]]()
    demand = Demand(lambda: now_s[0], lambda *told: seen.append(told))
    for path in ((), ("auto", "careful"), ("auto", "careful", "dense!no_replica")):
        with demand.track("moe", path) as tracked:
            now_s[0] += 2.0
            tracked.saw(1, None)
            now_s[0] += 1.0
            tracked.saw(1, None)
    assert seen == [("careful", "moe", 2.0), ("careful", "moe", 2.0)]


def test_a_branch_without_a_token_tells_nothing() -> None:
    """It has no time to first token."""
    seen = list[tuple[str, str, float]]()
    demand = Demand(lambda: 0.0, lambda *told: seen.append(told))
    with pytest.raises(EngineFailed), demand.track("dense", ("auto",)):
        raise EngineFailed("broke")
    assert seen == []


def test_a_graph_s_edges_have_a_histogram() -> None:
    """Scraped with everything else."""
    metrics = Metrics()
    now_s = iter(range(1000))
    demand = Demand(lambda: float(next(now_s)), metrics.first_token_by_edge)
    leap(collect(compiled(GRAPH, Scripted({"dense": [Pause(1.0), b"a", b"b"]}), demand=demand)["auto"]))
    scraped = exposition(metrics).decode()
    assert 'tercet_graph_first_token_seconds_count{node="careful",target="dense"} 1.0' in scraped


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def promising(clock: Clock, *, ttft_s: float | None = 1.0, tpot_s: float | None = 0.1) -> Demand:
    """Return the demand on pools that all promise the same."""
    state = PoolState(ready=1, target=1, starting=0, ttft_target_s=ttft_s, tpot_target_s=tpot_s)
    return Demand(clock, state=lambda _: state)


def test_prompts_are_sized_while_they_are_held_and_only_once() -> None:
    """Whoever has a token is no queue any more; nobody reads a prompt twice, or before somebody asks."""
    sized = list[str]()
    demand = Demand(lambda: 0.0)

    def size(name: str, tokens: int) -> int:
        sized.append(name)
        return tokens

    with (
        demand.track("dense", size=lambda: size("a", 30)) as one,
        demand.track("dense", size=lambda: size("b", 500)),
    ):
        assert demand.read()["dense"].held_prompt_tokens == 530
        one.saw(1, None)
        assert demand.read()["dense"].held_prompt_tokens == 500
        assert sorted(sized) == ["a", "b"]
    assert demand.read()["dense"].held_prompt_tokens == 0


def test_the_lengths_of_finished_requests_add_up_with_their_moments() -> None:
    """From the usage that the last frame tells; a request that was left has no length."""
    demand = Demand(lambda: 0.0)
    for prompt, frames in ((10, (1, 2)), (20, (4, 0))):
        with demand.track("dense") as tracked:
            tracked.saw(frames[0], None)
            tracked.saw(frames[1], prompt)
    with demand.track("dense") as left:
        left.saw(5, None)
    lengths = demand.read()["dense"].lengths
    assert (lengths.requests, lengths.prompt_tokens, lengths.output_tokens) == (2, 30, 7)
    assert (lengths.prompt_squared, lengths.output_squared, lengths.prompt_output) == (500, 25, 110)


@pytest.mark.parametrize(("first_s", "rest_s", "within"), [(0.9, 0.9, 1), (1.1, 0.1, 0), (0.9, 1.1, 0), (0.0, 0.0, 1)])
def test_a_finished_request_is_within_when_both_targets_hold(first_s: float, rest_s: float, within: int) -> None:
    """Eleven tokens have ten intervals; the first token's time is none of them."""
    clock = Clock()
    demand = promising(clock)
    with demand.track("dense") as tracked:
        clock.now_s += first_s
        tracked.saw(1, None)
        clock.now_s += rest_s
        tracked.saw(10, 7)
    told = demand.read()["dense"]
    assert (told.judged_total, told.within_total) == (1, within)


@pytest.mark.parametrize(
    ("error", "judged"), [(NoReplica("none"), 1), (EngineFailed("broke"), 1), (Invalid("your fault"), 0)]
)
def test_failures_miss_unless_the_client_is_to_blame(error: ServingError, judged: int) -> None:
    """A request that was turned away met no target."""
    demand = promising(Clock())
    with pytest.raises(ServingError), demand.track("dense"):
        raise error
    told = demand.read()["dense"]
    assert (told.judged_total, told.within_total) == (judged, 0)


def test_a_client_that_leaves_is_judged_only_if_it_waited_too_long_already() -> None:
    """Nobody knows how the others would have gone on."""
    clock = Clock()
    demand = promising(clock)
    for waited_s in (0.5, 1.5):
        with demand.track("dense"):
            clock.now_s += waited_s
    told = demand.read()["dense"]
    assert (told.judged_total, told.within_total) == (1, 0)


def test_without_a_promise_or_for_what_nobody_asked_nothing_is_judged() -> None:
    """An attainment needs something to attain."""
    for demand, charged in ((promising(Clock(), ttft_s=None, tpot_s=None), True), (promising(Clock()), False)):
        with demand.track("dense", charged=charged) as tracked:
            tracked.saw(1, 3)
        assert demand.read()["dense"].judged_total == 0


def test_demand_is_split_by_class() -> None:
    """Requests that no admission has put into a class are in the whole only."""
    demand = Demand(lambda: 0.0)
    with demand.track("dense", group="paid") as paid, demand.track("dense", group="free"), demand.track("dense"):
        paid.saw(1, None)
        told = demand.read()["dense"]
        assert (told.in_flight, told.held) == (3, 2)
        assert told.classes == {
            "paid": ClassDemand(in_flight=1, held=0, arrivals_total=1),
            "free": ClassDemand(in_flight=1, held=1, arrivals_total=1),
        }
    assert demand.read()["dense"].classes["free"] == ClassDemand(arrivals_total=1)
