"""Who worked in a step, from what vLLM's engine core says of it; that it says so is tested with the engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deployments.cost.bill import Bill, Bills
from deployments.cost.meter import Meter
from deployments.cost.weights import Weights
from deployments.engines.vllm_shares import CallShares, VllmShares

# A prompt token weighs one, a decoding sequence ten, and nothing else anything to speak of.
WEIGHTS = Weights(base=1e-9, prefill_token=1.0, prefill_context=0.0, sequence=10.0, kv_token=0.0)


class Engine:
    """A clock, the shares, and bills by name."""

    def __init__(self) -> None:
        self.now_s = 0.0
        meter, self.bills = Meter(WEIGHTS), Bills("dense")
        meter.begin(self.bills, 0.0)
        self.shares = VllmShares(meter, lambda: self.now_s)
        self.owed: dict[str, Bill] = {}

    def enter(self, name: str, prompt: int) -> None:
        self.owed[name] = self.bills.bill("dense", name, charged=True)
        self.shares.enter(name, prompt, self.owed[name])

    def step(self, *outputs: Any, context: tuple[int, int] = (0, 0), seconds: float = 1.0) -> None:
        self.now_s += seconds
        details = SimpleNamespace(is_dummy=False, num_ctx_requests=context[0], num_ctx_tokens=context[1])
        stats = SimpleNamespace(iteration_details=details)
        self.shares.step(SimpleNamespace(scheduler_stats=stats, outputs=list(outputs)))

    def seconds(self) -> dict[str, float]:
        return {name: round(bill.seconds, 6) for name, bill in self.owed.items()}


def first(name: str, computed: int, *, cached: int = 0, ends: bool = False) -> Any:
    told = SimpleNamespace(num_computed_tokens=computed, num_cached_tokens=cached)
    return SimpleNamespace(request_id=name, prefill_stats=told, finish_reason="stop" if ends else None)


def more(name: str, *, ends: bool = False) -> Any:
    return SimpleNamespace(request_id=name, prefill_stats=None, finish_reason="stop" if ends else None)


def test_prompts_and_decoding_share_a_step() -> None:
    """Thirty prompt tokens weigh as much as three that decode; whoever has ended owes no more."""
    engine = Engine()
    engine.enter("a", 10)
    engine.step(first("a", 10), context=(1, 10))
    engine.enter("b", 30)
    engine.step(more("a"), first("b", 30), context=(1, 30))
    engine.step(more("a", ends=True), more("b"))
    engine.step(more("b", ends=True))
    assert engine.seconds() == {"a": 1 + 0.25 + 0.5, "b": 0.75 + 0.5 + 1}


def test_a_prompt_in_parts_is_its_own() -> None:
    """Its parts are held until its first token says whose they were, also beside another's first token."""
    engine = Engine()
    engine.enter("a", 20)
    engine.enter("b", 50)
    engine.step(first("a", 20, ends=True), context=(2, 40))
    assert engine.seconds() == {"a": 0.5, "b": 0.0}
    engine.step(context=(1, 20))
    assert engine.seconds()["b"] == 0.0
    engine.step(first("b", 50, ends=True), context=(1, 10))
    assert engine.seconds() == {"a": 0.5, "b": 2.5}


def test_whoever_leaves_within_its_prompt_owes_its_parts() -> None:
    """Not the next one, whose first token comes after it."""
    engine = Engine()
    engine.enter("a", 40)
    engine.enter("b", 10)
    engine.step(context=(1, 20))
    engine.shares.leave("a")
    engine.step(first("b", 10, ends=True), context=(1, 10))
    assert engine.seconds() == {"a": 1.0, "b": 1.0}


def test_whoever_leaves_within_its_prompt_owes_the_step_under_way() -> None:
    """The engine core ends it before it hears of that; nothing is left for the next one, be that hours later."""
    engine = Engine()
    engine.enter("a", 60)
    engine.step(context=(1, 20))
    engine.now_s += 0.25
    engine.shares.leave("a")
    engine.step(context=(1, 20), seconds=0.75)
    engine.enter("b", 10)
    engine.step(first("b", 10, ends=True), context=(1, 10))
    assert engine.seconds() == {"a": 2.0, "b": 1.0}


def test_a_prompt_that_ends_in_an_error_owes_its_parts() -> None:
    """Not the next one, whose first token comes after it."""
    engine = Engine()
    engine.enter("a", 40)
    engine.enter("b", 10)
    engine.step(context=(1, 20))
    engine.step(more("a", ends=True), first("b", 10, ends=True), context=(1, 10))
    assert engine.seconds() == {"a": 1.0, "b": 1.0}


def test_whoever_leaves_while_it_decodes_owes_until_then() -> None:
    """The rest of the step is the others'."""
    engine = Engine()
    for name in "ab":
        engine.enter(name, 10)
    engine.step(first("a", 10), first("b", 10), context=(2, 20))
    engine.step(more("a"), more("b"))
    engine.shares.leave("a")
    engine.step(more("b", ends=True))
    assert engine.seconds() == {"a": 1.0, "b": 2.0}


def test_the_sequences_of_a_call_are_one_bill() -> None:
    """Several choices of one request; what is left of them goes with the call."""
    engine = Engine()
    bill = engine.bills.bill("dense", "a", charged=True)
    call = CallShares(engine.shares, bill)
    call.enter("0", 10)
    call.enter("1", 10)
    engine.step(first("0", 10), first("1", 10), context=(2, 20))
    engine.step(more("0", ends=True), more("1"))
    call.leave()
    engine.now_s += 5.0
    engine.enter("b", 10)
    engine.step(first("b", 10, ends=True), context=(1, 10))
    assert (call.seconds, engine.seconds()) == (pytest.approx(2.0), {"b": 1.0})


def test_what_vllm_has_forgotten_owes_no_more() -> None:
    """A stop string ends a sequence on this side of the engine core."""
    engine = Engine()
    engine.enter("a", 10)
    engine.step(first("a", 10), context=(1, 10))
    engine.shares.keep_only(())
    engine.enter("b", 10)
    engine.step(first("b", 10, ends=True), context=(1, 10))
    assert engine.seconds() == {"a": 1.0, "b": 1.0}


def test_missing_details_share_nothing_and_end_what_has_ended() -> None:
    """Data-parallel engines step without work."""
    engine = Engine()
    engine.enter("a", 10)
    told = SimpleNamespace(scheduler_stats=None, outputs=[more("a", ends=True)])
    engine.now_s = 2.0
    engine.shares.step(told)
    assert engine.seconds() == {"a": 2.0}
