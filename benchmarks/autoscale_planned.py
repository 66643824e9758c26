"""A plan run row by row: what is remembered is not run again, and what there is is written after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from autoscale.backtest.bounds import dual_s
from autoscale.backtest.contenders import PEERS, edges
from autoscale.backtest.entrants import Entrant, named
from autoscale.backtest.figures import Figures
from autoscale.backtest.hindsight import Found, known, optimum_name
from autoscale.backtest.late import late_oracle
from autoscale.backtest.memory import Memory, key_of
from autoscale.backtest.optimum import optimum
from autoscale.backtest.protocol import Row, Task, make
from autoscale.backtest.replay import Replayed, lead, replayer
from autoscale.backtest.trial import Trial, alone
from autoscale.backtest.tuning import Tried, best, halved
from autoscale.backtest.yardstick import STEP_S, Yardstick, measured
from autoscale.spec import AutoscaleSpec
from benchmarks.autoscale_plan import (
    GRIDS,
    JUDGED_PEERS,
    LADDERS,
    SHAPE_DAYS,
    TUNE_DAYS,
    UTILIZATIONS,
    Options,
    Part,
    Step,
)
from benchmarks.autoscale_trials import DAY_S, SHARE, trial_of

KNEE = "hpa-knee"
SIMPLE, USUAL = f"{KNEE}-78", f"{KNEE}-85"
# The rules of others: utilisation of the knee is Tercet's own measure, and its HPA is the simple rule beside it.
OTHERS = tuple(name for name in PEERS if not name.startswith(KNEE))
ENOUGH = 0.995

Sticks = Mapping[str, Yardstick]


@dataclass(slots=True, kw_only=True)
class Told:
    """What was found for one part: rows by name, what was tried before any was judged, and the optimum's dual bound."""

    rows: dict[str, Row] = field(default_factory=dict)
    tried: dict[str, list[Tried[Entrant]]] = field(default_factory=dict)
    bound_hours: float | None = None


@dataclass(slots=True, kw_only=True)
class Bench:
    """The traces, and what need not be worked out again."""

    traces: Path
    memory: Memory
    seed: int = 1
    _sticks: dict[tuple[str, bool], Sticks] = field(default_factory=dict)

    def trial(self, part: Part, days: tuple[float, float] | None = None) -> Trial:
        """Return some days of a part, else those that are judged."""
        begin, end = days or part.judged(self.traces)
        return trial_of(
            part.setting,
            part.workload,
            self.traces,
            from_s=begin * DAY_S,
            until_s=end * DAY_S,
            seed=self.seed,
            memory=self.memory,
        )

    def before(self, part: Part, days: tuple[float, float] | None = None) -> Trial | None:
        """Return what may be tuned on; None for what is made up, which is judged whole."""
        return None if part.workload.made_up else self.trial(part, days or TUNE_DAYS)

    def sticks(self, part: Part, trial: Trial, *, before: bool = False) -> Sticks:
        """Return what the trial asks for, in replicas."""
        key = part.name, before
        if key not in self._sticks:
            self._sticks[key] = measured(trial, SHARE, self.memory)
        return self._sticks[key]


def run(step: Step, bench: Bench, told: Told) -> None:
    """Add the rows of one step to what was *told* of its part."""
    trial = bench.trial(step.part)
    for row in _ROWS[step.kind](step, bench, told, trial):
        told.rows[row.name] = row


def _policies(step: Step, bench: Bench, _: Told, trial: Trial) -> Iterator[Row]:
    for entrant in named(step.names, AutoscaleSpec()):
        yield _made(entrant, trial, bench, step.seeds)


def _made(entrant: Entrant, trial: Trial, bench: Bench, seeds: int = 1) -> Row:
    row = make(Task(trial=trial, share=SHARE, seeds=tuple(range(seeds)), entrant=entrant, memory=bench.memory))
    if row is None:
        raise ValueError(f"{entrant.name} gave no row")
    return row


def _optimum(step: Step, bench: Bench, told: Told, trial: Trial) -> Iterator[Row]:
    before, shape = bench.before(step.part, SHAPE_DAYS), None
    if before is not None:
        shape = _shape(before, bench.sticks(step.part, before, before=True), bench.memory)
    sticks = bench.sticks(step.part, trial)
    told.bound_hours = sum(dual_s(stick.work, 1 - SHARE) for stick in sticks.values()) / 3600

    def find(stick: Yardstick, replay: Callable[..., Replayed]) -> Replayed | None:
        return optimum(stick.work, replay, SHARE, shape)

    yield from _foreseen(optimum_name(SHARE), SHARE, find, trial, sticks, bench, shape)


def _shape(before: Trial, sticks: Sticks, memory: Memory) -> tuple[float, float] | None:
    """Return the shape of the optimum's schedule on what comes before."""
    (stick,) = sticks.values()

    def found() -> list[float]:
        one = optimum(stick.work, replayer(alone(before, stick.pool), stick.pool.name, STEP_S, memory), SHARE)
        return list(one.shape) if one is not None and one.shape is not None else []

    kept = memory.recall(key_of("hindsight", before.plain.foreseen({}), SHARE, "shape"), found)
    return (kept[0], kept[1]) if kept else None


def _late(step: Step, bench: Bench, _: Told, trial: Trial) -> Iterator[Row]:
    for share in (SHARE, ENOUGH):

        def find(stick: Yardstick, replay: Callable[..., Replayed], share: float = share) -> Replayed | None:
            return late_oracle(stick.work, lead(trial.scenario, stick.pool), replay, share)

        name = f"late oracle {100 * share:g}"
        yield from _foreseen(name, share, find, trial, bench.sticks(step.part, trial), bench)


def _foreseen(
    name: str, share: float, find: Found, trial: Trial, sticks: Sticks, bench: Bench, *of: object
) -> Iterator[Row]:
    def made() -> tuple[dict[str, float], str] | None:
        found = known(trial, sticks, find, bench.memory)
        return None if found is None else (asdict(trial.figures(found.outcome)), found.told)

    kept = bench.memory.recall(key_of("hindsight", trial.plain.foreseen({}), share, name, *of), made)
    if kept is not None:
        figures = Figures(**kept[0])
        yield Row(name=name, kind="foresight", told=kept[1], figures=figures, seeds=(figures,))


def _simple(step: Step, bench: Bench, told: Told, trial: Trial) -> Iterator[Row]:
    plain, usual = named([SIMPLE, USUAL], AutoscaleSpec())
    for one in (*_best(_climbed(plain, UTILIZATIONS, step, bench, told), 1), usual):
        yield _made(one, trial, bench)


def _peers(step: Step, bench: Bench, told: Told, trial: Trial) -> Iterator[Row]:
    before = _needed(bench.before(step.part), step)
    tried = [Tried(setting=one, figures=_made(one, before, bench).figures) for one in named(OTHERS, AutoscaleSpec())]
    told.tried["defaults"] = tried
    for one in _best(tried, JUDGED_PEERS):
        yield _made(one, trial, bench)


def _tuned(step: Step, bench: Bench, told: Told, trial: Trial) -> Iterator[Row]:
    before, found = _needed(bench.before(step.part), step), list[Tried[Entrant]]()
    for plain in named(LADDERS, AutoscaleSpec()):
        found.append(best(_climbed(plain, LADDERS[plain.rule], step, bench, told), SHARE))
    for plain in named(GRIDS, AutoscaleSpec()):
        tried = [plain.tuned(options) for options in GRIDS[plain.rule]]
        told.tried[plain.name] = [Tried(setting=one, figures=_made(one, before, bench).figures) for one in tried]
        found.append(best(told.tried[plain.name], SHARE))
    for one in _best(found, JUDGED_PEERS):
        yield _made(one, trial, bench)


def _climbed(plain: Entrant, ladder: Sequence[Options], step: Step, bench: Bench, told: Told) -> list[Tried[Entrant]]:
    """Return what was tried of a ladder, each under a name that says where it is the ladder's end."""
    before = _needed(bench.before(step.part), step)
    settings = [_marked(plain.tuned(options), ladder) for options in ladder]
    tried = list(halved(settings, lambda one: _made(one, before, bench).figures, SHARE))
    told.tried[plain.name] = tried
    return tried


def _marked(entrant: Entrant, ladder: Sequence[Options]) -> Entrant:
    ends = edges(entrant.options, ladder)
    return replace(entrant, name=f"{entrant.name}, at the ladder's end") if ends else entrant


def _best(tried: Sequence[Tried[Entrant]], count: int) -> list[Entrant]:
    return [one.setting for one in sorted(tried, key=lambda one: one.rank(SHARE))[:count]]


def _needed(before: Trial | None, step: Step) -> Trial:
    if before is None:
        raise ValueError(f"{step.part.name} has nothing before it to choose {step.kind} on")
    return before


_ROWS: Mapping[str, Callable[[Step, Bench, Told, Trial], Iterator[Row]]] = {
    "policies": _policies,
    "optimum": _optimum,
    "late oracle": _late,
    "simple": _simple,
    "peers": _peers,
    "tuned peers": _tuned,
}
