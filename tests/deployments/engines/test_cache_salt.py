"""No tenant learns from the time to a first token what another has asked, unless the configuration shares prefixes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.engines.cache_salt import CacheSalts
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_prefixes import PrefixCache
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.request import Request, Resume
from deployments.standing import ALONE, Standing
from tests.deployments.engines.asking import chat, completion, context
from tests.deployments.leap import leap

ACME, BETA = Standing(account="acme", prefixes="tenant acme"), Standing(account="beta", prefixes="tenant beta")
POOLED = [Standing(account=name, prefixes="group lab") for name in ("lab-a", "lab-b")]
LONG = "The minutes of the board's meeting say: " * 40
SPEC = {"prefix_cache": True, "step": {"base_ms": 1, "per_prefill_token_us": 100, "per_sequence_us": 0}}


def ttfts(*asked: tuple[Standing, Request], **spec: Any) -> list[float]:
    """Return the engine's times to first token in seconds, to the microsecond; each request comes to an idle engine."""

    async def run() -> list[float]:
        clock = asyncio.get_running_loop().time
        settings = SyntheticSpec.model_validate({**SPEC, **spec})
        engine = SyntheticEngine("m", "m", "m#1", settings, clock=clock, wall=clock)
        await engine.start()
        found = []
        for standing, request in asked:
            frames = [frame async for frame in engine.generate(request, replace(context(), standing=standing))]
            found += [frame.head.engine_ttft_s or 0.0 for frame in frames if frame.head is not None]
            await asyncio.sleep(1)  # or a step that found nothing to do would delay the next
        signals = engine.signals()
        assert 0 <= signals.prefix_hits_total <= signals.prefix_queries_total
        await engine.stop()
        return [round(ttft_s, 6) for ttft_s in found]

    return leap(run())


def test_a_tenant_s_own_prompt_is_found_again_and_another_s_is_not() -> None:
    """The other's time is, to the microsecond, that of a prompt that nobody has sent."""
    first, again, other, never = ttfts(
        (ACME, chat(LONG)), (ACME, chat(LONG)), (BETA, chat(LONG)), (BETA, chat(LONG.swapcase()))
    )
    assert again < first / 3
    assert other == first
    assert never == other


@pytest.mark.parametrize("ask", [chat, completion])
def test_what_one_asks_after_any_history_of_others_takes_as_long_as_without(ask: Any) -> None:
    """Whatever others sent, streamed or not, resumed or not, with the victim's own salt or without."""
    going_on = replace(ask(LONG, stream=True), resume=Resume(model="m", text="word " * 4, ids=(1, 2, 3, 4)))
    history = [(BETA, ask(LONG)), (ALONE, ask(LONG)), (BETA, going_on), (BETA, ask(LONG, cache_salt="mine"))]
    for probe in (ask(LONG), ask(LONG, cache_salt="mine"), going_on):
        assert ttfts(*history, (ACME, probe))[-1] == ttfts((ACME, probe))[-1]


def test_a_client_s_salt_divides_a_tenant_and_opens_no_other() -> None:
    """Not even one that is spelt as the name under which another tenant's prefixes go."""
    first, divided, again = ttfts(*((ACME, chat(LONG, cache_salt=salt)) for salt in ("a", "b", "a")))
    assert divided == first
    assert again < first
    for forged in ("tenant acme", '["tenant acme",""]', '","tenant acme'):
        assert ttfts((ACME, chat(LONG)), (BETA, chat(LONG, cache_salt=forged)))[-1] == first


def test_a_group_shares_on_purpose() -> None:
    """Who is configured into one group finds what the others of it sent."""
    first, shared = ttfts(*((one, chat(LONG)) for one in POOLED))
    assert shared < first / 3


def test_without_tenants_everybody_shares_as_before() -> None:
    """No tenants, no salt: the hit rate of a deployment that knows none stays what it was."""
    first, shared = ttfts(*((ALONE, chat(LONG)) for _ in range(2)))
    assert shared < first / 3
    assert CacheSalts().of(ALONE.prefixes, None) is None


def test_a_failover_prefills_under_its_tenant_s_salt() -> None:
    """Prompt and delivered tokens are found by who sent them, and by nobody else."""
    going_on = replace(chat(LONG, stream=True), resume=Resume(model="m", text="word " * 4, ids=(1, 2, 3, 4)))
    fresh, again, other = ttfts((ACME, going_on), (ACME, going_on), (BETA, going_on))
    assert again < fresh
    assert other == fresh


def test_an_engine_without_the_cache_computes_all() -> None:
    """It is off unless asked for."""
    first, again = ttfts(*((ACME, chat(LONG)) for _ in range(2)), prefix_cache=False)
    assert first == again


TEXTS = st.text(max_size=12)


@settings(max_examples=200, deadline=None)
@given(one=st.tuples(TEXTS, TEXTS), other=st.tuples(TEXTS, TEXTS))
def test_salts_are_equal_only_for_the_same_tenant_and_the_same_own_salt(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """However names and clients' salts are spelt, no two pairs run into each other."""
    salts = CacheSalts()
    assert (salts.of(*one) == salts.of(*other)) == (one == other)


def test_nobody_can_compute_a_salt() -> None:
    """Every engine draws its own secret."""
    told = [CacheSalts().of("tenant acme", None) for _ in range(3)]
    assert all(a != b for a, b in permutations(told, 2))
    assert all(one is not None and len(one) == 64 for one in told)


def test_the_oldest_blocks_go_first() -> None:
    """A cache of two blocks holds the beginning of the last prompt."""
    cache = PrefixCache(32)
    for prompt in ("a" * 200, "b" * 200):
        cache.keep(prompt, None)
    assert cache.found("a" * 200, None, tokens=50) == 0
    assert cache.found("b" * 200, None, tokens=50) == 32
    assert cache.found("b" * 64, None, tokens=16) == 15
