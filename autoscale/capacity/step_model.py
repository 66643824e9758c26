"""How long one engine step takes, as a linear function of what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class StepModel:
    """Seconds per step: a constant, per prompt token computed, per such token and token of context before it, per
    decoding sequence, and per token in the KV cache that those attend to. The order is that of ``StepTotals``.
    """

    base_s: float
    prefill_token_s: float
    prefill_context_s: float
    sequence_s: float
    kv_token_s: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the model with these coefficients, in the order of the fields."""
        base_s, prefill_token_s, prefill_context_s, sequence_s, kv_token_s = values
        return cls(
            base_s=base_s,
            prefill_token_s=prefill_token_s,
            prefill_context_s=prefill_context_s,
            sequence_s=sequence_s,
            kv_token_s=kv_token_s,
        )

    def slower(self, ratio: float) -> Self:
        """Return a model whose every step takes *ratio* times as long."""
        return self.of(ratio * value for value in self.values)

    @property
    def values(self) -> tuple[float, float, float, float, float]:
        """Return the coefficients in the order of the fields."""
        return (self.base_s, self.prefill_token_s, self.prefill_context_s, self.sequence_s, self.kv_token_s)

    def seconds(self, *, prefill: float = 0, prefill_context: float = 0, sequences: float = 0, kv: float = 0) -> float:
        """Return the seconds of a step with these numbers of tokens and sequences."""
        return (
            self.base_s
            + self.prefill_token_s * prefill
            + self.prefill_context_s * prefill_context
            + self.sequence_s * sequences
            + self.kv_token_s * kv
        )
