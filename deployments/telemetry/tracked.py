"""One request to a pool from its sending to its end, and the counts of all of them."""

from __future__ import annotations

from collections.abc import Callable

from deployments.engines.histogram import LatencyHistogram
from deployments.signals import ClassDemand, PoolDemand
from deployments.telemetry.lengths import Lengths

PromptSize = Callable[[], int]


def unsized() -> int:
    """Know nothing of a prompt."""
    return 0


class PoolCounts:
    """What was sent to one pool; one event loop writes, any thread reads."""

    __slots__ = ("groups", "held", "in_flight", "judged", "lengths", "refused", "sent", "ttft", "waiting", "within")

    def __init__(self) -> None:
        self.in_flight = self.held = self.sent = self.refused = self.judged = self.within = 0
        self.ttft, self.lengths = LatencyHistogram(), Lengths()
        self.waiting = set[Tracked]()
        self.groups = dict[str, list[int]]()

    def move(self, group: str, *, sent: int = 0, in_flight: int = 0, held: int = 0) -> None:
        """Count one request's step; a request without a class is in no class's counts."""
        self.sent += sent
        self.in_flight += in_flight
        self.held += held
        if group:
            own = self.groups.setdefault(group, [0, 0, 0])
            own[:] = own[0] + in_flight, own[1] + held, own[2] + sent

    def read(self) -> PoolDemand:
        """Return the counts as of now; prompts are sized here, and only those that wait."""
        classes = tuple((name, tuple(own)) for name, own in tuple(self.groups.items()))
        return PoolDemand(
            in_flight=self.in_flight,
            held=self.held,
            arrivals_total=self.sent,
            refused_total=self.refused,
            ttft=self.ttft.read(),
            held_prompt_tokens=sum(one.prompt_size for one in tuple(self.waiting)),
            lengths=self.lengths.read(),
            judged_total=self.judged,
            within_total=self.within,
            classes={
                name: ClassDemand(in_flight=in_flight, held=held, arrivals_total=sent)
                for name, (in_flight, held, sent) in classes
            },
        )


class Tracked:
    """One request under way; it is held until its first token."""

    __slots__ = (
        "_clock", "_counts", "_ended_s", "_first_s", "_group", "_observe", "_output", "_prompt", "_sent_s", "_size",
        "_sized",
    )  # fmt: skip

    def __init__(
        self,
        counts: PoolCounts,
        clock: Callable[[], float],
        *,
        group: str = "",
        size: PromptSize = unsized,
        observe: Callable[[float], None] | None = None,
    ) -> None:
        self._counts, self._clock, self._group, self._size, self._observe = counts, clock, group, size, observe
        self._sent_s = self._ended_s = clock()
        self._first_s: float | None = None
        self._prompt: int | None = None
        self._sized: int | None = None
        self._output = 0
        counts.move(group, sent=1, in_flight=1, held=1)
        counts.waiting.add(self)

    @property
    def prompt_size(self) -> int:
        """Return about how many tokens the prompt has, found out once."""
        if self._sized is None:
            self._sized = self._size()
        return self._sized

    @property
    def output(self) -> int:
        """Return the tokens of the answer so far."""
        return self._output

    def saw(self, tokens: int, prompt_tokens: int | None, *, begins: bool = False) -> None:
        """Note a frame, the first of which brings the first token; *prompt_tokens* comes with the last.

        One that *begins* the answer does so anew where its replica was lost before anything was delivered.
        """
        self._output = tokens if begins else self._output + tokens
        self._prompt = prompt_tokens if self._prompt is None else self._prompt
        if self._first_s is None:
            self._first_s = self._clock()
            self._release()
            self._counts.ttft.add(self._first_s - self._sent_s)
            if self._observe is not None:
                self._observe(self._first_s - self._sent_s)

    def end(self) -> None:
        """Stop counting the request as in flight."""
        self._ended_s = self._clock()
        self._counts.move(self._group, in_flight=-1)
        if self._first_s is None:
            self._release()
        if self._prompt is not None:
            self._counts.lengths.add(self._prompt, self._output)

    def judge(self, ttft_s: float | None, tpot_s: float | None, *, failed: bool) -> None:
        """Hold an ended request against the latency targets, None being none.

        One that *failed* missed them. One that was left before its end missed only what it had waited too long for
        already; otherwise nobody knows how it would have been.
        """
        if ttft_s is None and tpot_s is None:
            return
        late = (self._ttft_s > ttft_s if ttft_s is not None else False) or failed
        if self._prompt is None and not late:
            return
        slow = tpot_s is not None and (self._tpot_s or 0.0) > tpot_s
        self._counts.judged += 1
        self._counts.within += not (late or slow)

    @property
    def _ttft_s(self) -> float:
        return (self._ended_s if self._first_s is None else self._first_s) - self._sent_s

    @property
    def _tpot_s(self) -> float | None:
        """Return the mean time of a token after the first."""
        if self._first_s is None or self._output < 2:  # noqa: PLR2004 - two tokens make one interval
            return None
        return (self._ended_s - self._first_s) / (self._output - 1)

    def _release(self) -> None:
        self._counts.move(self._group, held=-1)
        self._counts.waiting.discard(self)
