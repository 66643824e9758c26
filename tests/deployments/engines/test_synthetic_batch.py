"""Laws of continuous batching: slots, cache and tokens are conserved whatever is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.synthetic_batch import Batch, Sequence, Step, step_seconds
from deployments.engines.synthetic_spec import Faults, StepTime, SyntheticSpec

requests = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), min_size=1, max_size=12)


def batch(slots: int = 4, kv_tokens: int = 10_000, prefill: int = 16) -> Batch:
    return Batch(slots=slots, kv_tokens=kv_tokens, prefill_tokens_per_step=prefill)


def sequences(sizes: list[tuple[int, int]]) -> list[Sequence]:
    return [Sequence(prompt_tokens=prompt, output_tokens=output) for prompt, output in sizes]


@given(requests, st.integers(1, 5), st.integers(1, 40), st.integers(71, 200))
def test_every_token_is_generated_exactly_once(
    sizes: list[tuple[int, int]], slots: int, prefill: int, kv_tokens: int
) -> None:
    """All sequences end with their tokens, with never more than the slots and the prefill budget in a step."""
    engine, asked = batch(slots, kv_tokens, prefill), sequences(sizes)
    for sequence in asked:
        engine.add(sequence)
    emitted = 0
    for _ in range(5_000):
        step = engine.plan()
        assert step.sequences <= slots
        assert step.prefill_tokens <= prefill
        assert len(engine.running) == 1 or engine.kv_held <= kv_tokens
        emitted += len(engine.finish(step))
        if not engine.running and not engine.waiting:
            break
    assert [sequence.generated for sequence in asked] == [output for _, output in sizes]
    assert emitted == sum(output for _, output in sizes)


def test_a_prompt_is_prefilled_in_chunks_before_its_first_token() -> None:
    """Forty tokens at sixteen a step give the first token at the end of the third step."""
    engine = batch(prefill=16)
    [sequence] = sequences([(40, 2)])
    engine.add(sequence)
    emitted = [len(engine.finish(engine.plan())) for _ in range(4)]
    assert emitted == [0, 0, 1, 1]


def test_a_full_cache_preempts_the_youngest() -> None:
    """It is prefilled again later and loses no token."""
    engine = batch(slots=2, kv_tokens=30)
    old, young = sequences([(10, 15), (10, 15)])
    engine.add(old)
    engine.add(young)
    for _ in range(200):
        engine.finish(engine.plan())
    assert engine.preemptions > 0
    assert (old.generated, young.generated) == (15, 15)


def test_a_removed_sequence_gets_no_token() -> None:
    """One that left while the step was computing is not in the result."""
    engine = batch()
    stays, leaves = sequences([(1, 5), (1, 5)])
    engine.add(stays)
    engine.add(leaves)
    step = engine.plan()
    engine.remove(leaves)
    engine.remove(leaves)
    assert engine.finish(step) == [stays]
    assert leaves.generated == 0


def test_a_step_costs_what_the_model_says() -> None:
    """Base, prefill and batch size add up; a slow engine takes a multiple."""
    spec = SyntheticSpec(step=StepTime(base_ms=10, per_prefill_token_us=100, per_sequence_us=1000))
    step = Step(prefill_tokens=50, sequences=3, emitting=())
    assert step_seconds(spec, step) == pytest.approx(0.018)
    assert step_seconds(spec.model_copy(update={"faults": Faults(slow=3)}), step) == pytest.approx(0.054)
    noisy = spec.model_copy(update={"step": spec.step.model_copy(update={"noise": 0.1})})
    assert step_seconds(noisy, step, noise=1.0) > step_seconds(spec, step) > step_seconds(noisy, step, noise=-1.0)
