"""Continuous batching as data: what one engine step works on, with no clock and no tasks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from deployments.engines.snapshot import snapshot
from deployments.engines.synthetic_spec import SyntheticSpec


@dataclass(slots=True, eq=False, kw_only=True)
class Sequence:
    """One request inside the engine; ``prefilled`` and ``generated`` count tokens whose KV cache exists."""

    prompt_tokens: int
    output_tokens: int
    prefilled: int = 0
    generated: int = 0

    @property
    def context(self) -> int:
        """Tokens that must be in the cache before the next one can be generated."""
        return self.prompt_tokens + self.generated

    @property
    def done(self) -> bool:
        """Say whether every token has been generated."""
        return self.generated >= self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step does: the tokens it prefills, the sequences that decode, and those that gain a token at its end.

    ``prefill_context`` sums up, over the prefilled tokens, how many tokens come before each (half of its chunk, on
    average, among them); ``kv_tokens`` are those that the decoding sequences attend to. ``prefilled`` tells tokens and
    context of each sequence, ``preempted`` are those that were put back before the step.
    """

    prefill_tokens: int
    sequences: int
    emitting: tuple[Sequence, ...]
    prefill_context: float = 0.0
    kv_tokens: int = 0
    prefilled: tuple[tuple[Sequence, int, float], ...] = ()
    preempted: tuple[Sequence, ...] = ()


@dataclass(slots=True, kw_only=True)
class Batch:
    """The sequences of one engine; there is no prefill or decode phase, only tokens that lack a cache entry."""

    slots: int
    kv_tokens: int
    prefill_tokens_per_step: int
    waiting: deque[Sequence] = field(default_factory=deque)
    running: dict[Sequence, None] = field(default_factory=dict)  # a set that keeps the order of admission
    preemptions: int = 0

    @property
    def kv_held(self) -> int:
        """Count the cache entries that running sequences have reserved."""
        return sum(sequence.context + 1 for sequence in snapshot(self.running))

    def add(self, sequence: Sequence) -> None:
        """Queue *sequence* behind all others."""
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forget *sequence* wherever it is; one that is gone already is nothing to do."""
        if sequence in self.running:
            del self.running[sequence]
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def plan(self) -> Step:
        """Preempt, admit and prefill, in this order; ``finish`` applies the tokens once the step's time is over."""
        preempted = self._preempt()
        self._admit()
        decoding = [sequence.context for sequence in self.running if sequence.prefilled == sequence.context]
        prefilled = self._prefill()
        emitting = tuple(sequence for sequence in self.running if sequence.prefilled == sequence.context)
        return Step(
            prefill_tokens=sum(tokens for _, tokens, _ in prefilled),
            sequences=len(decoding),
            emitting=emitting,
            prefill_context=sum(context for _, _, context in prefilled),
            kv_tokens=sum(decoding),
            prefilled=prefilled,
            preempted=preempted,
        )

    def finish(self, step: Step) -> list[Sequence]:
        """Give each emitting sequence that is still here its token and return them; complete ones leave the batch."""
        emitted = [sequence for sequence in step.emitting if sequence in self.running]
        for sequence in emitted:
            sequence.generated += 1
            sequence.prefilled = sequence.context
            if sequence.done:
                del self.running[sequence]
        return emitted

    def _preempt(self) -> tuple[Sequence, ...]:
        victims = []
        while len(self.running) > 1 and self.kv_held > self.kv_tokens:
            victim, _ = self.running.popitem()
            victim.prefilled = 0
            self.waiting.appendleft(victim)
            self.preemptions += 1
            victims.append(victim)
        return tuple(victims)

    def _admit(self) -> None:
        held = self.kv_held
        while self.waiting and len(self.running) < self.slots:
            held += self.waiting[0].context + 1
            if self.running and held > self.kv_tokens:
                return
            self.running[self.waiting.popleft()] = None

    def _prefill(self) -> tuple[tuple[Sequence, int, float], ...]:
        budget, prefilled = self.prefill_tokens_per_step, []
        for sequence in self.running:
            # The newest token's entry is written by the decode step itself, at no extra cost.
            taken = min(budget, sequence.context - sequence.prefilled)
            if taken:
                prefilled.append((sequence, taken, taken * (sequence.prefilled + taken / 2)))
            sequence.prefilled += taken
            budget -= taken
        return tuple(prefilled)


def step_seconds(spec: SyntheticSpec, step: Step, noise: float = 0.0) -> float:
    """Return how long *step* takes; *noise* is a draw from the standard normal distribution."""
    model = spec.step
    work_us = (
        model.per_prefill_token_us * step.prefill_tokens
        + model.per_prefill_context_us * step.prefill_context
        + model.per_sequence_us * step.sequences
        + model.per_kv_token_us * step.kv_tokens
    )
    return (model.base_ms / 1e3 + work_us / 1e6) * max(0.0, 1.0 + model.noise * noise) * spec.faults.slow
