"""The simulator's engine again, one step and one sequence at a time, as plainly as it can be said."""

from __future__ import annotations

import math
import sys
from collections import deque
from dataclasses import dataclass, field

from autoscale.capacity.profile import EngineProfile
from deployments.pool.choice import Candidate, choose
from deployments.scheduling.lateness import SHARED, TURN
from deployments.scheduling.pace import LEAST
from deployments.scheduling.targets import NONE, Targets

_MASK = 2**64 - 1


@dataclass(eq=False)
class Sequence:
    """One request; ``computed`` tokens of it are in the cache, and all but the last when it decodes."""

    number: int
    arrival_s: float
    prompt: int
    output: int
    cached: int
    computed: int = 0
    generated: int = 0
    decoding: bool = False
    first_s: float = math.nan
    last_s: float = math.nan
    refused: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt + self.generated


@dataclass(eq=False)
class Engine:
    """vLLM's order of scheduling over blocks that are counted sequence by sequence."""

    profile: EngineProfile
    targets: Targets = NONE
    waiting: deque[Sequence] = field(default_factory=deque)
    late: deque[Sequence] = field(default_factory=deque)
    preferred: int = 0
    running: list[Sequence] = field(default_factory=list)
    scheduled: list[tuple[Sequence, int]] = field(default_factory=list)
    ends_s: float = math.inf
    preemptions: int = 0
    gram: list[float] = field(default_factory=lambda: [0.0] * 15)
    seconds: list[float] = field(default_factory=lambda: [0.0] * 5)
    squared: float = 0.0
    most_used: int = 0

    @property
    def in_flight(self) -> int:
        return len(self.waiting) + len(self.late) + len(self.running)

    @property
    def unbegun(self) -> int:
        return sum(one.generated == 0 for one in (*self.waiting, *self.late, *self.running))

    def blocks(self, tokens: int) -> int:
        return -(-tokens // self.profile.limits.block_tokens)

    def begin(self, at_s: float) -> None:
        """Plan one step: what runs first, in order of admission, then what waits."""
        limits = self.profile.limits
        held = {one: self.blocks(one.computed) for one in self.running}
        free = limits.kv_tokens // limits.block_tokens - sum(held.values())
        decoding = [one for one in self.running if one.decoding]
        if sum(self.blocks(one.computed + 1) - held[one] for one in decoding) <= free:
            self._let_late_wait(at_s, decoding)
        budget = self._budget(decoding)
        self.scheduled, preempted = [], False
        at = 0
        while at < len(self.running) and budget > 0:
            one = self.running[at]
            count = min(one.tokens - one.computed, budget)
            while (need := self.blocks(one.computed + count) - held[one]) > free:
                last = self.running.pop()
                free += held.pop(last)
                last.computed, last.decoding, preempted = 0, False, True
                self.preemptions += 1
                self.waiting.appendleft(last)
                if last is one:
                    break
            if one not in held:
                break
            free, budget, at = free - need, budget - count, at + 1
            held[one] += need
            self.scheduled.append((one, count))
        while not preempted and (self.waiting or self.late) and budget > 0 and len(self.running) < limits.slots:
            turn = bool(self.late) and (not self.waiting or self.preferred >= TURN - 1)
            one = (self.late if turn else self.waiting)[0]
            if self.blocks(one.tokens) > free:
                break
            self.running.append((self.late if turn else self.waiting).popleft())
            self.preferred = 0 if turn or not self.late else self.preferred + 1
            one.computed = min(one.cached, one.tokens - 1)
            count = min(one.tokens - one.computed, budget)
            held[one] = self.blocks(one.computed + count)
            free, budget = free - held[one], budget - count
            self.scheduled.append((one, count))
        self.most_used = max(self.most_used, sum(held.values()))
        self.ends_s = at_s + self._time() if self.scheduled else math.inf

    def _let_late_wait(self, at_s: float, decoding: list[Sequence]) -> None:
        while self.waiting and not self.waiting[0].generated and len(self.running) < self.profile.limits.slots:
            one, step = self.waiting[0], self.profile.step
            tokens = one.prompt - one.cached
            own_s = step.prefill_token_s * tokens + step.prefill_context_s * tokens * (one.cached + tokens / 2)
            own_s += -(-tokens // self._most) * self._decode_s(decoding)
            if at_s - one.arrival_s + SHARED * own_s <= self.targets.due_s:
                return
            self.late.append(self.waiting.popleft())

    def _budget(self, decoding: list[Sequence]) -> int:
        step, begun = self.profile.step, [one for one in self.running if not one.decoding]
        before = [*(one.computed for one in begun), *(one.cached for one in (*self.waiting, *self.late))]
        budget = self._most
        if not decoding or not before:
            return budget
        room, left_s = budget - len(decoding), self.targets.pace_s - self._decode_s(decoding)
        fitting = 0
        while fitting < room and (
            step.prefill_token_s * (fitting + 1)
            + step.prefill_context_s * (fitting + 1) * (before[0] + (fitting + 1) / 2)
            <= left_s
        ):
            fitting += 1
        return len(decoding) + min(room, max(fitting, room // LEAST, 1))

    @property
    def _most(self) -> int:
        return max(self.profile.limits.batched_tokens, self.profile.limits.slots)

    def _decode_s(self, decoding: list[Sequence]) -> float:
        computed = sum(one.computed for one in decoding)
        return self.profile.step.seconds(
            prefill=0.0, prefill_context=0.0, sequences=float(len(decoding)), kv=float(computed)
        )

    def _time(self) -> float:
        decoding = [one for one, _ in self.scheduled if one.decoding]
        chunks = [(one, count) for one, count in self.scheduled if one not in decoding]
        p = float(sum(count for _, count in chunks))
        a = sum(count * (one.computed + count / 2) for one, count in chunks)
        x = (1.0, p, a, float(len(decoding)), float(sum(one.computed for one in decoding)))
        took_s = self.profile.step.seconds(prefill=p, prefill_context=a, sequences=x[3], kv=x[4])
        products = [x[i] * x[j] for i in range(5) for j in range(i, 5)]
        self.gram = [old + new for old, new in zip(self.gram, products, strict=True)]
        self.seconds = [old + value * took_s for old, value in zip(self.seconds, x, strict=True)]
        self.squared += took_s * took_s
        return took_s

    def finish(self) -> list[Sequence]:
        """Give every sequence whose cache is complete its token; return those that end."""
        at_s, done = self.ends_s, []
        for one, count in self.scheduled:
            one.computed += count
            if one.computed < one.tokens:
                continue
            one.generated, one.decoding = one.generated + 1, True
            if one.generated == 1:
                one.first_s = at_s
            if one.generated == one.output:
                one.last_s = at_s
                self.running.remove(one)
                done.append(one)
        self.begin(at_s)
        return done


def serve(
    profile: EngineProfile,
    sequences: list[Sequence],
    replicas: int,
    limit: int = sys.maxsize,
    *,
    targets: Targets = NONE,
) -> list[Engine]:
    """Send *sequences* to engines that take *limit* each, and step until all have ended that were not refused."""
    engines = [Engine(profile, targets) for _ in range(replicas)]
    coming = deque(sequences)
    while True:
        soonest = min(engines, key=lambda engine: engine.ends_s)
        if coming and coming[0].arrival_s < soonest.ends_s:
            one = coming.popleft()
            chosen = _chosen(engines, one.number, limit)
            if chosen is None:
                one.refused = True
                continue
            chosen.waiting.append(one)
            if not chosen.running:
                chosen.begin(one.arrival_s)
        elif soonest.ends_s < math.inf:
            soonest.finish()
        else:
            return engines


def _chosen(engines: list[Engine], number: int, limit: int) -> Engine | None:
    """Choose as a gateway does, but among equals by the simulator's rank; None where even the choice is full."""
    candidates = [
        Candidate(replica=str(at), in_flight=engine.in_flight, limit=limit, unbegun=engine.unbegun)
        for at, engine in enumerate(engines)
    ]
    best = choose(candidates, key=b"")
    if best.in_flight >= limit:
        return None
    equals = [at for at, one in enumerate(candidates) if one.busy == best.busy and one.in_flight < limit]
    return engines[min(equals, key=lambda at: rank(number, at))]


def rank(number: int, replica: int) -> int:
    """Scramble a request's number and a replica's into 64 bits, as SplitMix64 ends."""
    value = (number * 0x9E3779B97F4A7C15 + replica) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
