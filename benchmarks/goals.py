"""The ratios that Tercet is held to, and what a run says about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from benchmarks.figures import Figures
from benchmarks.results import Results
from benchmarks.spread import Spread, ratios, spread

OURS = "tercet"
Read = Callable[[Figures], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure of Tercet's at one point, divided by another contender's where ``against`` names one.

    ``bound`` is the least (or the most) that will do, ``aim`` what is wanted.
    """

    what: str
    engine: Literal["real", "synthetic"]
    streams: int
    read: Read
    bound: float
    aim: float
    against: str = ""
    higher: bool = True

    def met(self, value: float) -> str:
        """Say in one word how far *value* comes."""
        if value >= self.aim if self.higher else value <= self.aim:
            return "aim"
        return "met" if (value >= self.bound if self.higher else value <= self.bound) else "missed"


def tok_s(seen: Figures) -> float:
    """Return output tokens a second."""
    return seen.tok_s


def cpu(seen: Figures) -> float:
    """Return CPU seconds outside the engine for 1,000 tokens; infinite where none were delivered."""
    return inf if seen.framework_per_1000 is None else seen.framework_per_1000


def gap_in_ticks(tick_ms: float) -> Read:
    """Return a reader of the 99th percentile of gaps as a multiple of the engine's tick."""
    return lambda seen: inf if seen.gap_p99_ms is None else seen.gap_p99_ms / tick_ms


def failed(seen: Figures) -> float:
    """Return how many answers were not whole."""
    return float(seen.failed)


_REAL = [
    goal
    for streams in (8, 32)
    for goal in (
        Goal(what="output tok/s", engine="real", streams=streams, read=tok_s, against="raw vllm", bound=0.95, aim=1.0),
        Goal(what="output tok/s", engine="real", streams=streams, read=tok_s, against="ray.serve.llm defaults",
             bound=1.2, aim=1.6),
        Goal(what="output tok/s", engine="real", streams=streams, read=tok_s, against="ray.serve.llm best",
             bound=1.05, aim=1.2),
        Goal(what="CPU-s outside the engine per 1,000 tokens", engine="real", streams=streams, read=cpu,
             against="ray.serve.llm best", bound=0.5, aim=0.25, higher=False),
    )
]  # fmt: skip

_SYNTHETIC = [
    Goal(what="output tok/s", engine="synthetic", streams=128, read=tok_s, against="plain uvicorn", bound=0.9, aim=1.1),
    Goal(what="CPU-s outside the engine per 1,000 tokens", engine="synthetic", streams=128, read=cpu,
         against="ray.serve.llm best", bound=0.5, aim=0.25, higher=False),
    Goal(what="CPU-s per 1,000 tokens", engine="synthetic", streams=128, read=cpu, bound=0.15, aim=0.08, higher=False),
    Goal(what="CPU-s per 1,000 tokens", engine="synthetic", streams=512, read=cpu, bound=0.15, aim=0.08, higher=False),
    Goal(what="p99 gap in ticks", engine="synthetic", streams=512, read=gap_in_ticks(20.0), bound=3.0, aim=2.0,
         higher=False),
    Goal(what="failed streams", engine="synthetic", streams=512, read=failed, bound=0.0, aim=0.0, higher=False),
]  # fmt: skip

GOALS: Sequence[Goal] = [*_REAL, *_SYNTHETIC]


def reached(goal: Goal, results: Results) -> Spread | None:
    """Return what the rounds say of *goal*; None where a side of it was not measured."""
    if not goal.against:
        values = [goal.read(seen) for seen in results.rounds(goal.engine, OURS, goal.streams)]
    else:
        pairs = results.paired(goal.engine, OURS, goal.against, goal.streams)
        values = ratios([goal.read(ours) for ours, _ in pairs], [goal.read(theirs) for _, theirs in pairs])
    return spread(values) if values else None


def void(goal: Goal, results: Results) -> bool:
    """Say whether the load generator set the pace in a round that *goal* reads."""
    sides = [OURS, *([goal.against] if goal.against else [])]
    return any(seen.void for side in sides for seen in results.rounds(goal.engine, side, goal.streams))
