"""Share an engine's seconds among the sequences in it, step by step.

A sequence that decodes is in every step, so that what it owes is a difference of sums over steps: a step costs a few
operations, however many sequences are in it. Prompt tokens are told with the step that computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.cost.seat import Account, Seat
from deployments.cost.weights import USUAL, Weights

# An engine that has work and takes no step for so long hangs; its time is not kept until it does.
HUNG_S = 10.0


class Sink(Protocol):
    """Is told of the seconds in which an engine had nothing to do."""

    def idle(self, seconds: float) -> None:
        """Take note of idle seconds."""


class Unheard:
    """Lets idle seconds pass."""

    def idle(self, seconds: float) -> None:
        """Ignore them."""


class Meter:
    """The time of one engine: all of it is somebody's or idle. Times are the caller's, monotonic, in seconds.

    Called from one event loop. Nothing is counted before ``begin``. A sequence that enters waits until it is told to
    have prefilled or to decode.
    """

    def __init__(self, weights: Weights = USUAL) -> None:
        self.weights = weights
        self._sink: Sink = Unheard()
        self._since_s: float | None = None
        self._seats: set[Seat] = set()
        self._decoding: set[Seat] = set()
        self._kv = 0.0
        self._clear()

    def begin(self, sink: Sink, now_s: float) -> None:
        """Count from now on; *sink* is told of idle time."""
        self._sink, self._since_s = sink, now_s

    def enter(self, account: Account, now_s: float) -> Seat:
        """Take a sequence in."""
        seat = Seat(account)
        if not self._seats:
            self._rest(now_s)
        self._seats.add(seat)
        return seat

    def decode(self, seat: Seat, kv: float) -> None:
        """Have a sequence decode from the next step on, with *kv* tokens to attend to; one that left stays away."""
        if seat in self._seats and seat not in self._decoding:
            self._decoding.add(seat)
            self._kv += kv
            seat.mark(kv, self._steps, self._fixed, self._kv_price, self._kv_later)

    def pause(self, seat: Seat) -> None:
        """Have a sequence wait again, until it prefills or decodes."""
        if seat in self._decoding:
            self._decoding.remove(seat)
            self._kv -= seat.kv(self._steps)
            self._owe(seat)

    def leave(self, seat: Seat, now_s: float) -> None:
        """Let a sequence go, whatever it was about; the last one owes the part of a step that it breaks off."""
        if seat not in self._seats:
            return
        self.pause(seat)
        self._seats.remove(seat)
        if not self._seats:
            self._kv = 0.0
            seat.account.add(self._elapsed(now_s))

    def step(self, now_s: float, prefilled: Sequence[tuple[Account, float, float]] = ()) -> None:
        """Share a step that ends now among the sequences that decode and those that prefilled.

        *prefilled* holds for each who owes it, its prompt tokens, and the sum of the contexts that they attend to.
        """
        among = len(self._decoding) + len(prefilled)
        if not among:
            self._rest(now_s)
            return
        weights = self.weights
        base = weights.base / among
        own = [base + weights.prefill_token * tokens + weights.prefill_context * over for _, tokens, over in prefilled]
        each = base + weights.sequence
        whole = each * len(self._decoding) + weights.kv_token * self._kv + sum(own)
        price = self._elapsed(now_s) / whole
        self._fixed += price * each
        self._kv_price += price * weights.kv_token
        self._kv_later += price * weights.kv_token * self._steps
        self._steps += 1
        self._kv += len(self._decoding)
        for (account, _, _), weight in zip(prefilled, own, strict=True):
            account.add(price * weight)

    def settle(self, now_s: float) -> None:
        """Have everybody owe what it came to; once in a while, since sums that grow for days lose their last digits."""
        if not self._seats:
            self._rest(now_s)
        elif self._since_s is not None and now_s - self._since_s > HUNG_S:
            self._share_equally(now_s)
        for seat in self._decoding:
            self._owe(seat)
        kv = [(seat, seat.kv(self._steps)) for seat in self._decoding]
        self._clear()
        for seat, tokens in kv:
            seat.mark(tokens, 0, 0.0, 0.0, 0.0)

    def _owe(self, seat: Seat) -> None:
        seat.account.add(seat.owed(self._fixed, self._kv_price, self._kv_later))

    def _share_equally(self, now_s: float) -> None:
        each = self._elapsed(now_s) / len(self._seats)
        for seat in self._seats:
            seat.account.add(each)

    def _rest(self, now_s: float) -> None:
        if (seconds := self._elapsed(now_s)) > 0:
            self._sink.idle(seconds)

    def _elapsed(self, now_s: float) -> float:
        """Return the seconds that are nobody's yet, which are the caller's to share."""
        if self._since_s is None:
            return 0.0
        seconds = max(0.0, now_s - self._since_s)
        self._since_s += seconds
        return seconds

    def _clear(self) -> None:
        self._steps, self._fixed, self._kv_price, self._kv_later = 0, 0.0, 0.0, 0.0
