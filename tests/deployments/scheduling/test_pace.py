"""A step holds as much of prompts as the others' next tokens can wait for, and always some."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.scheduling.pace import LEAST, prompt_tokens

budgets = st.integers(1, 20_000)
costs = st.floats(1e-7, 1e-3)


@given(budgets, st.floats(0, 1), st.integers(0, 100_000), costs, st.floats(0, 1e-6))
def test_the_tokens_take_no_longer_than_is_left(
    budget: int, left_s: float, before: int, token_s: float, context_s: float
) -> None:
    """And one more of them would; but for the budget, and for the part that always goes on."""
    tokens = prompt_tokens(budget, left_s, before, token_s, context_s)

    def took_s(count: int) -> float:
        return count * (token_s + context_s * (before + count / 2))

    least = max(1, budget // LEAST)
    assert min(budget, least) <= tokens <= budget
    assert tokens <= least or took_s(tokens) <= left_s * (1 + 1e-9)
    assert tokens == budget or took_s(tokens + 1) >= left_s * (1 - 1e-9)


@given(budgets, st.floats(-10, 0))
def test_a_batch_that_is_slow_by_itself_takes_in_little(budget: int, left_s: float) -> None:
    """But never nothing."""
    assert prompt_tokens(budget, left_s, 0, 1e-4, 0.0) == max(1, budget // LEAST)


def test_a_later_part_of_a_long_prompt_is_smaller() -> None:
    """Its tokens attend to more."""
    first, later = (prompt_tokens(8192, 0.1, before, 5e-5, 1.4e-8) for before in (0, 16_384))
    assert first > 1.5 * later
