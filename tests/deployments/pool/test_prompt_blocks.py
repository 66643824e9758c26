"""Prompts that begin alike have blocks with equal names, as far as they are alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.pool.prompt_blocks import BLOCK_BYTES, MAX_BLOCKS, blocks_of

SYSTEM = {"role": "system", "content": "You are careful. " * 100}


def chat(*contents: str) -> dict[str, object]:
    return {"messages": [SYSTEM, *({"role": "user", "content": content} for content in contents)]}


def common(a: tuple[bytes, ...], b: tuple[bytes, ...]) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def test_a_shared_beginning_is_shared_and_the_rest_is_not() -> None:
    """A system prompt of 1,700 characters is six full blocks."""
    a, b = blocks_of(chat("x" * 2000)), blocks_of(chat("y" * 2000))
    assert common(a, b) == 1700 // BLOCK_BYTES
    assert not set(a[common(a, b) :]) & set(b)


def test_a_conversation_that_goes_on_keeps_its_blocks() -> None:
    """The earlier turns are a prefix of the later request."""
    before = blocks_of(chat("one " * 200, "two " * 200))
    after = blocks_of(chat("one " * 200, "two " * 200, "three"))
    assert common(before, after) >= len(before) - 1


def test_tools_come_first() -> None:
    """They are rendered before the messages, so other tools mean another prompt from the start."""
    assert common(blocks_of({**chat("x"), "tools": [{"name": "a"}]}), blocks_of(chat("x"))) == 0


def test_short_and_endless_prompts() -> None:
    """Less than a block has no name; what is beyond the limit is not read."""
    assert blocks_of({"prompt": "hi"}) == ()
    assert len(blocks_of({"prompt": "a" * 10_000_000})) == MAX_BLOCKS


@given(st.text(max_size=3000), st.text(max_size=3000), st.text(max_size=3000))
def test_names_cover_everything_before_them(prefix: str, a: str, b: str) -> None:
    """Two prompts share exactly the blocks in which their bytes are the same from the start."""
    one, two = blocks_of({"prompt": prefix + a}), blocks_of({"prompt": prefix + b})
    shared = common(one, two)
    assert not set(one[shared:]) & set(two[shared:])


def test_tenants_and_salts_have_names_of_their_own() -> None:
    """Equal prompts share no name where the engine's cache keeps them apart, and every name where it does not."""
    body = chat("x" * 2000)
    salted = {**body, "cache_salt": "s"}
    named = [blocks_of(one, prefixes=by) for by in ("", "tenant a", "tenant b") for one in (body, salted)]
    assert len({name for blocks in named for name in blocks}) == sum(map(len, named))
    assert blocks_of(body, prefixes="tenant a") == named[2]
