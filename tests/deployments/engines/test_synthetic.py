"""What is particular to the synthetic engine: leapt time, reproducible words, and faults on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_batch import Sequence
from deployments.engines.synthetic_request import count_tokens
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, Invalid, Overloaded
from tests.deployments.engines.asking import chat, context, frames, text_of
from tests.deployments.leap import leap

T = TypeVar("T")


def played(play: Callable[[SyntheticEngine], Awaitable[T]], **spec: Any) -> T:
    """Run *play* on a started engine, in leapt time."""

    async def run() -> T:
        clock = asyncio.get_running_loop().time
        engine = SyntheticEngine("m", "m", "m#1", SyntheticSpec.model_validate(spec), clock=clock, wall=clock)
        await engine.start()
        try:
            return await play(engine)
        finally:
            await engine.stop()

    return leap(run())


def elapsed(play: Callable[[SyntheticEngine], Awaitable[Any]], **spec: Any) -> float:
    async def timed(engine: SyntheticEngine) -> float:
        began = asyncio.get_running_loop().time()
        await play(engine)
        return asyncio.get_running_loop().time() - began

    return played(timed, **spec)


STEP = {"base_ms": 10, "per_prefill_token_us": 0, "per_sequence_us": 0}


def test_a_lone_request_takes_one_step_a_token() -> None:
    """Sixty tokens at 10 ms a step are 0.6 s."""
    assert elapsed(lambda engine: frames(engine, chat(max_tokens=60)), step=STEP) == pytest.approx(0.6)


def test_company_is_free_until_the_slots_are_full() -> None:
    """Eight requests take the time of one with eight slots, and of two with four."""

    def eight(engine: SyntheticEngine) -> Awaitable[Any]:
        return asyncio.gather(*(frames(engine, chat(f"{n}", max_tokens=60)) for n in range(8)))

    assert elapsed(eight, step=STEP, slots=8) == pytest.approx(0.6)
    assert elapsed(eight, step=STEP, slots=4) == pytest.approx(1.2)


def test_a_wait_for_a_slot_is_the_engines_queue_time() -> None:
    """The second of two requests waits for the first in a one-slot engine."""

    async def two(engine: SyntheticEngine) -> list[float]:
        both = await asyncio.gather(*(frames(engine, chat(f"{n}", max_tokens=10)) for n in range(2)))
        return [answered[0].head.engine_queue_s or 0.0 for answered in both if answered[0].head]

    assert played(two, step=STEP, slots=1) == pytest.approx([0.0, 0.1])


def test_words_follow_from_the_seed_and_the_prompt() -> None:
    """Another prompt or another seed says something else; the same ones never do."""

    def words(prompt: str, seed: int) -> str:
        return played(lambda engine: said(engine, prompt), seed=seed)

    async def said(engine: SyntheticEngine, prompt: str) -> str:
        return text_of(await frames(engine, chat(prompt, max_tokens=20)))

    assert words("a", 1) == words("a", 1)
    assert len({words("a", 1), words("b", 1), words("a", 2)}) == 3


def test_start_up_takes_its_time() -> None:
    """Half of it loading, half of it warming."""

    async def run() -> list[tuple[str, float]]:
        clock = asyncio.get_running_loop().time
        seen: list[tuple[str, float]] = []
        engine = SyntheticEngine(
            "m",
            "m",
            "m#1",
            SyntheticSpec(start_up=10),
            stage=lambda stage: seen.append((stage, clock())),
            clock=clock,
            wall=clock,
        )
        await engine.start()
        await engine.stop()
        return seen

    assert leap(run()) == [("loading", 0), ("warming", 5), ("ready", 10)]


def test_slow_multiplies_every_step() -> None:
    """A factor of three makes the same answer take three times as long."""
    quick = elapsed(lambda engine: frames(engine, chat(max_tokens=10)), step=STEP)
    assert elapsed(lambda engine: frames(engine, chat(max_tokens=10)), step=STEP, faults={"slow": 3}) == pytest.approx(
        3 * quick
    )


def test_an_engine_told_to_die_ends_its_streams_and_stays_dead() -> None:
    """Tokens that exist come out, then the error; later requests and the health check fail."""

    async def run(engine: SyntheticEngine) -> int:
        stream = engine.generate(chat(stream=True, max_tokens=50), context())
        read = sum([(await anext(stream)).tokens for _ in range(7)])
        with pytest.raises(EngineFailed, match="die"):
            await anext(stream)
        with pytest.raises(EngineFailed):
            await frames(engine, chat())
        with pytest.raises(EngineFailed):
            await engine.check()
        return read

    assert played(run, step=STEP, faults={"die_after_tokens": 7}) == 7


def test_a_hanging_engine_is_found_by_its_check() -> None:
    """It stays silent; once it has work and has not stepped for its limit, check() fails."""

    async def run(engine: SyntheticEngine) -> None:
        reader = asyncio.create_task(frames(engine, chat(stream=True, max_tokens=50)))
        await asyncio.sleep(20)
        assert not reader.done()
        await engine.check()
        await asyncio.sleep(20)
        with pytest.raises(EngineFailed, match="not stepped"):
            await engine.check()
        reader.cancel()

    played(run, step=STEP, faults={"hang_after_tokens": 3})


def test_an_idle_engine_does_not_look_hung() -> None:
    """Hours without work are no fault, also not at the moment that work arrives."""

    async def run(engine: SyntheticEngine) -> None:
        await asyncio.sleep(7200)
        reader = asyncio.create_task(frames(engine, chat(max_tokens=5)))
        await asyncio.sleep(0)
        await engine.check()
        await reader

    played(run, step=STEP)


def test_a_refusing_engine_is_overloaded() -> None:
    """Every request is turned away with advice on when to come back."""

    async def run(engine: SyntheticEngine) -> float | None:
        with pytest.raises(Overloaded) as refusal:
            await frames(engine, chat())
        return refusal.value.retry_after_s

    assert played(run, faults={"refuse": True}) == 1.0


def test_a_start_can_be_made_to_fail() -> None:
    """start() raises EngineFailed."""
    with pytest.raises(EngineFailed, match="start"):
        played(lambda engine: engine.check(), faults={"fail_start": True})


def test_more_than_one_choice_is_refused() -> None:
    """The refusal names n and the way out."""

    async def run(engine: SyntheticEngine) -> str | None:
        with pytest.raises(Invalid, match="2 times") as refusal:
            await frames(engine, chat(n=2))
        return refusal.value.param

    assert played(run) == "n"


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 1), ("a", 1), ("abcd", 1), ("abcde", 2), ("你好", 2), ("你好 ab", 3)]
)
def test_tokens_are_counted_by_rule(text: str, tokens: int) -> None:
    """Four characters, or one CJK character, are a token."""
    assert count_tokens(text) == tokens


def test_signals_may_be_asked_for_while_requests_come() -> None:
    """The event loop takes some while the heartbeat's thread looks."""
    engine = SyntheticEngine("m", "m", "m#1", SyntheticSpec())
    later = Sequence(prompt_tokens=1000, output_tokens=1000)

    class Meanwhile(Sequence):
        @property
        def context(self) -> int:
            engine._batch.add(later)
            return 7

    class Coming:
        @property
        def sequence(self) -> Sequence:
            engine._streams.add(cast("Any", Coming()))
            return Sequence(prompt_tokens=7, output_tokens=5)

    engine._batch.add(Meanwhile(prompt_tokens=7, output_tokens=5))
    engine._streams.add(cast("Any", Coming()))
    told = engine.signals()
    assert (told.queued_prompt_tokens, told.remaining_tokens) == (7, 5)
