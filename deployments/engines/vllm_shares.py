"""Who worked in each of vLLM's steps, by what its engine core says of them."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from deployments.cost.bill import Bill, Held
from deployments.cost.meter import Meter
from deployments.cost.seat import Account, Seat


class _Sequence:
    """One sequence: its seat, whose it is, and how long its prompt is."""

    __slots__ = ("bill", "prompt", "seat")

    def __init__(self, seat: Seat, bill: Bill, prompt: int) -> None:
        self.seat, self.bill, self.prompt = seat, bill, prompt


class VllmShares:
    """Follows sequences through the steps; *clock* is monotonic.

    Exact are the times of steps and who decodes. vLLM tells prompt tokens step by step and whose they were only with a
    first token: what a prompt in parts takes is held until then. Approximated: a preempted sequence counts as decoding,
    and one with speculated tokens as attending to one more token a step.
    """

    def __init__(self, meter: Meter, clock: Callable[[], float]) -> None:
        self._meter, self._clock = meter, clock
        self._sequences: dict[str, _Sequence] = {}
        self._prefilling: dict[str, _Sequence] = {}
        self._held, self._part = Held(), 0.0
        self._gone: Bill | None = None
        # Whose prompt the step under way may still read: whoever left within it owes that step too.
        self._late: Bill | None = None

    def enter(self, request_id: str, prompt: int, bill: Bill) -> None:
        """Take in the sequence that vLLM knows as *request_id*, with so many prompt tokens."""
        one = _Sequence(self._meter.enter(bill, self._clock()), bill, prompt)
        self._sequences[request_id] = self._prefilling[request_id] = one

    def leave(self, request_id: str) -> None:
        """Let a sequence go; one that is gone is nothing to do."""
        one = self._sequences.pop(request_id, None)
        if one is None:
            return
        if request_id in self._prefilling:
            # The first that waits is the one of whose prompt a part may be done.
            if next(iter(self._prefilling)) == request_id:
                one.bill.add(self._claimed())
                self._late = one.bill
            del self._prefilling[request_id]
            self._gone = one.bill
        self._meter.leave(one.seat, self._clock())

    def keep_only(self, known: Container[str]) -> None:
        """Let those go that vLLM has forgotten without a word here, such as at a stop string."""
        for request_id in [one for one in self._sequences if one not in known]:
            self.leave(request_id)

    def step(self, told: Any) -> None:
        """Share the step of which the engine core's outputs *told*, before anybody hears of its tokens."""
        for output in told.outputs:
            # A prompt that ends before its first token, in an error, owes its parts before others claim what is held.
            broken = output.finish_reason is not None and output.prefill_stats is None
            if broken and output.request_id in self._prefilling:
                self.leave(output.request_id)
        details = None if told.scheduler_stats is None else told.scheduler_stats.iteration_details
        if details is not None and not details.is_dummy:
            firsts = [
                (self._sequences[output.request_id], output.prefill_stats)
                for output in told.outputs
                if output.prefill_stats is not None and output.request_id in self._sequences
            ]
            more = details.num_ctx_requests > len(firsts)
            self._meter.step(self._clock(), self._prefilled(firsts, float(details.num_ctx_tokens), more=more))
            self._late = None
        for output in told.outputs:
            if output.finish_reason is not None:
                self._prefilling.pop(output.request_id, None)
                self.leave(output.request_id)
            elif output.prefill_stats is not None and (one := self._sequences.get(output.request_id)) is not None:
                self._prefilling.pop(output.request_id, None)
                self._meter.decode(one.seat, one.prompt + 1)

    def _prefilled(
        self, firsts: list[tuple[_Sequence, Any]], tokens: float, *, more: bool
    ) -> list[tuple[Account, float, float]]:
        """Return who prefilled how much of a step's *tokens*; with *more*, some prompts have not come to their end."""
        found: list[tuple[Account, float, float]] = []
        for one, told in firsts:
            before = min(self._part, told.num_computed_tokens)
            if self._part:
                one.bill.add(self._claimed())
            taken = min(tokens, told.num_computed_tokens - before)
            tokens -= taken
            found.append((one.bill, taken, taken * (told.num_cached_tokens + before + taken / 2)))
        if tokens > 0:
            known = firsts[-1][0].bill if firsts else self._gone or self._held
            owner = self._late or (self._held if more else known)
            found.append((owner, tokens, tokens * (self._part + tokens / 2)))
            self._part += tokens if owner is self._held else 0.0
        return found

    def _claimed(self) -> float:
        self._part = 0.0
        return self._held.handed_over()


class CallShares:
    """The sequences of one call to vLLM, and what they owe together."""

    def __init__(self, shares: VllmShares, bill: Bill) -> None:
        self._shares, self._bill = shares, bill
        self._entered: list[str] = []

    def enter(self, request_id: str, prompt: int) -> None:
        """Take in one sequence of the call."""
        self._entered.append(request_id)
        self._shares.enter(request_id, prompt, self._bill)

    def leave(self) -> None:
        """Let go of what is left of the call."""
        for request_id in self._entered:
            self._shares.leave(request_id)
        self._entered.clear()

    @property
    def seconds(self) -> float:
        """Return what the call owes by now, once its sequences are gone."""
        return self._bill.seconds
