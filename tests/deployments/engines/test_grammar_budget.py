"""A constraint that takes too long to follow ends its own request; one that is merely long does not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.torch


class Slow:
    """A matcher for which every token takes *cost_s* on a clock of its own."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s, self.now_s = cost_s, 0.0

    def accept_token(self, token: int) -> bool:
        self.now_s += self.cost_s
        return token >= 0

    def fill_next_token_bitmask(self, bitmask: object, idx: int) -> None:
        self.now_s += self.cost_s

    def is_terminated(self) -> bool:
        return False


def tokens_until_given_up(cost_s: float, most: int) -> int:
    """Return how many tokens were followed before the request ended, *most* where it did not."""
    from deployments.engines.vllm_grammar import BudgetedGrammar  # noqa: PLC0415 - takes vllm's import

    matcher = Slow(cost_s)
    grammar = BudgetedGrammar(vocab_size=8, matcher=matcher, ctx=None)
    grammar.clock = lambda: matcher.now_s
    for done in range(most):
        grammar.fill_bitmask(None, 0)
        if not grammar.accept_tokens("request", [1]):
            return done
    return most


def test_a_long_answer_at_the_usual_cost_goes_on() -> None:
    """Some milliseconds a token, for thousands of tokens."""
    assert tokens_until_given_up(0.005, 5_000) == 5_000


def test_a_costly_one_is_given_up() -> None:
    """Half a second a token: after a few."""
    assert tokens_until_given_up(0.25, 100) < 6


def test_what_does_not_fit_is_still_refused() -> None:
    """The budget changes nothing of the answer itself."""
    from deployments.engines.vllm_grammar import BudgetedGrammar  # noqa: PLC0415

    assert not BudgetedGrammar(vocab_size=8, matcher=Slow(0.0), ctx=None).accept_tokens("request", [-1])


def test_the_engine_core_builds_grammars_within_the_budget() -> None:
    """vLLM's back end makes them by the name that was replaced."""
    from vllm.v1.structured_output import backend_xgrammar  # noqa: PLC0415

    from deployments.engines.vllm_grammar import BudgetedGrammar, bound_constraints  # noqa: PLC0415

    before = backend_xgrammar.XgrammarGrammar
    try:
        bound_constraints()
        assert backend_xgrammar.XgrammarGrammar is BudgetedGrammar
        assert "XgrammarGrammar" in backend_xgrammar.XgrammarBackend.compile_grammar.__code__.co_names
    finally:
        backend_xgrammar.XgrammarGrammar = before
