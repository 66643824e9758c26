"""What is remembered of the prompts that a replica was sent."""

from __future__ import annotations

from deployments.pool.prompt_blocks import blocks_of
from deployments.pool.remembered import LEAST_BLOCKS, SentPrompts

A = blocks_of({"prompt": "a" * 3000})
AB = blocks_of({"prompt": "a" * 3000 + "b" * 3000})
C = blocks_of({"prompt": "c" * 3000})


def test_the_longest_known_prefix_counts() -> None:
    """Whether a longer or a shorter prompt was sent before."""
    sent = SentPrompts()
    assert sent.matched(A) == 0
    sent.add(A, None, capacity=1000)
    assert sent.matched(AB) == len(A)
    assert sent.matched(A) == len(A)
    assert sent.matched(C) == 0


def test_the_oldest_is_forgotten_first_and_from_its_end() -> None:
    """As in the engine's cache, a beginning outlives what follows it."""
    sent = SentPrompts()
    sent.add(AB, None, capacity=LEAST_BLOCKS)
    for at in range(40):
        sent.add(blocks_of({"prompt": f"{at} " * 1000}), None, capacity=LEAST_BLOCKS)
        sent.add(A, None, capacity=LEAST_BLOCKS)
    assert sent.matched(AB) == len(A)


def test_a_session_is_known_until_others_push_it_out() -> None:
    """Memory is bounded."""
    sent = SentPrompts()
    sent.add((), "mine", capacity=0)
    assert sent.knows("mine")
    for at in range(LEAST_BLOCKS):
        sent.add((), str(at), capacity=0)
    assert not sent.knows("mine")
