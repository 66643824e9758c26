"""Continuous batching as data: what one engine step works on, with no clock and no tasks."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from deployments.engines.snapshot import snapshot
from deployments.engines.synthetic_spec import StepTime, SyntheticSpec
from deployments.scheduling.lateness import is_late, late_is_next, prefill_s
from deployments.scheduling.pace import prompt_tokens
from deployments.scheduling.targets import NONE, Targets


@dataclass(slots=True, eq=False, kw_only=True)
class Sequence:
    """One request inside the engine; ``prefilled`` and ``generated`` count tokens whose KV cache exists.

    ``came_s`` is when it began to wait for its first token, None where it has been delivered already.
    """

    prompt_tokens: int
    output_tokens: int
    prefilled: int = 0
    generated: int = 0
    came_s: float | None = None

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
    """The sequences of one engine; there is no prefill or decode phase, only tokens that lack a cache entry.

    Of what waits, ``late`` is what cannot have its first token in time any more; where nothing is promised in
    ``targets`` nothing is. ``times`` is how long steps take.
    """

    slots: int
    kv_tokens: int
    prefill_tokens_per_step: int
    targets: Targets = NONE
    times: StepTime = field(default_factory=StepTime)
    waiting: deque[Sequence] = field(default_factory=deque)
    late: deque[Sequence] = field(default_factory=deque)
    preferred: int = 0
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
        for queue in (self.waiting, self.late):
            if sequence in queue:
                queue.remove(sequence)

    def plan(self, now_s: float = 0.0) -> Step:
        """Preempt, admit and prefill, in this order; ``finish`` applies the tokens once the step's time is over."""
        preempted = self._preempt()
        decoding = [sequence.context for sequence in self.running if sequence.prefilled == sequence.context]
        self._let_late_wait(now_s, decoding)
        budget = self._budget(decoding)
        self._admit(budget)
        decoding = [sequence.context for sequence in self.running if sequence.prefilled == sequence.context]
        prefilled = self._prefill(budget)
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

    def _let_late_wait(self, now_s: float, decoding: list[int]) -> None:
        """Move what cannot be in time behind the rest, as far as it is at the head of the queue."""
        while len(self.running) < self.slots and self.waiting and self._is_late(self.waiting[0], now_s, decoding):
            self.late.append(self.waiting.popleft())

    def _is_late(self, one: Sequence, now_s: float, decoding: list[int]) -> bool:
        if one.came_s is None or one.generated or self.targets.due_s == math.inf:
            return False
        tokens, (token_s, context_s) = one.context - one.prefilled, self._prompt_costs_s
        own_s = prefill_s(tokens, one.prefilled, token_s, context_s)
        own_s += math.ceil(tokens / self.prefill_tokens_per_step) * self._decode_s(decoding)
        return is_late(now_s - one.came_s, own_s, self.targets.due_s)

    def _budget(self, decoding: list[int]) -> int:
        """Return how many prompt tokens the coming step may compute."""
        budget, first = self.prefill_tokens_per_step, self._first()
        if first is None or not decoding or self.targets.pace_s == math.inf:
            return budget
        left_s = self.targets.pace_s - self._decode_s(decoding)
        return prompt_tokens(budget, left_s, first.prefilled, *self._prompt_costs_s)

    def _first(self) -> Sequence | None:
        """Return whose prompt is next."""
        begun = (one for one in self.running if one.prefilled < one.context)
        return next(begun, None) or next(iter((*self.waiting, *self.late)), None)

    def _decode_s(self, decoding: list[int]) -> float:
        """Return the time of a step without prompts."""
        times = self.times
        return (
            times.base_ms / 1e3 + (times.per_sequence_us * len(decoding) + times.per_kv_token_us * sum(decoding)) / 1e6
        )

    @property
    def _prompt_costs_s(self) -> tuple[float, float]:
        return self.times.per_prefill_token_us / 1e6, self.times.per_prefill_context_us / 1e6

    def _admit(self, budget: int) -> None:
        """Take in what waits as long as there is room; what no part of the budget is left for may still be late."""
        held = self.kv_held
        budget -= sum(one.context - one.prefilled for one in self.running)
        while (self.waiting or self.late) and len(self.running) < self.slots:
            if budget <= 0 and self.targets.any:
                return
            late = late_is_next(len(self.waiting), len(self.late), self.preferred)
            queue = self.late if late else self.waiting
            held += queue[0].context + 1
            if self.running and held > self.kv_tokens:
                return
            self.preferred = 0 if late or not self.late else self.preferred + 1
            one = queue.popleft()
            budget -= one.context - one.prefilled
            self.running[one] = None

    def _prefill(self, budget: int) -> tuple[tuple[Sequence, int, float], ...]:
        prefilled = []
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
