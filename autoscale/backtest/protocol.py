"""Every row of a backtest on one trace: policies, peers, and what knew the future."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from autoscale.backtest.contenders import PEERS, edges
from autoscale.backtest.course import Course, course
from autoscale.backtest.entrants import Entrant, Kind
from autoscale.backtest.figures import Figures, mean
from autoscale.backtest.hindsight import finders, known
from autoscale.backtest.trial import Trial
from autoscale.backtest.tuning import Tried, best
from autoscale.backtest.yardstick import Yardstick
from autoscale.sim.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: the mean over its seeds, each of them, and how its first run went."""

    name: str
    kind: Kind
    told: str
    figures: Figures
    seeds: tuple[Figures, ...] = ()
    courses: tuple[Course, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row to be made: an entrant's, one that tunes it first on another trial, or one of hindsight by its name."""

    trial: Trial
    share: float
    seeds: tuple[int, ...] = (0,)
    entrant: Entrant | None = None
    tune_on: Trial | None = None
    settings: tuple[Entrant, ...] = ()
    hindsight: str = ""
    sticks: Mapping[str, Yardstick] | None = None

    @property
    def name(self) -> str:
        """Return what a person would call it."""
        return self.entrant.name if self.entrant is not None else self.hindsight


def tasks(
    trial: Trial,
    sticks: Mapping[str, Yardstick],
    entrants: Sequence[Entrant],
    seeds: tuple[int, ...],
    share: float,
    *,
    tune_on: Trial | None = None,
    hindsight: bool = True,
) -> list[Task]:
    """Return a task for every row: each entrant, each peer tuned on *tune_on*, each row of hindsight."""
    found = [Task(trial=trial, share=share, seeds=seeds, entrant=entrant) for entrant in entrants]
    for entrant in entrants if tune_on is not None else ():
        settings = PEERS[entrant.rule].settings if entrant.rule else ()
        tuned = tuple(entrant.tuned(options) for options in settings)
        if tuned:
            found.append(Task(trial=trial, share=share, seeds=seeds, entrant=entrant, tune_on=tune_on, settings=tuned))
    names = finders(share) if hindsight else ()
    return found + [Task(trial=trial, share=share, hindsight=name, sticks=sticks) for name in names]


def made(tasks: Sequence[Task], jobs: int, told: Callable[[str], None]) -> Iterator[Row]:
    """Make the rows in order, in *jobs* processes where that is more than one; *told* hears the name of each.

    A row of hindsight that no schedule reaches is left out.
    """
    for task, row in zip(tasks, _mapped(tasks, jobs), strict=True):
        told(task.name)
        if row is not None:
            yield row


def _mapped(tasks: Sequence[Task], jobs: int) -> Iterable[Row | None]:
    if jobs == 1:
        yield from map(make, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        yield from processes.map(make, tasks)


def make(task: Task) -> Row | None:
    """Make one row; None where no schedule reaches the SLO. Raises ValueError where a policy cannot be built."""
    if task.entrant is None:
        return _foreseen(task)
    entrant = _tuned(task) if task.tune_on is not None else task.entrant
    outcomes = [task.trial.seeded(seed).run(entrant.policy()) for seed in task.seeds]
    told = tuple(map(task.trial.figures, outcomes))
    return Row(
        name=entrant.name,
        kind=entrant.kind,
        told=entrant.told,
        figures=mean(told),
        seeds=told,
        courses=_courses(outcomes[0]),
    )


def _tuned(task: Task) -> Entrant:
    trial = task.tune_on or task.trial
    tried = [Tried(setting=one, figures=trial.figures(trial.run(one.policy()))) for one in task.settings]
    found = best(tried, task.share).setting
    ends = edges(found.options, [one.options for one in task.settings])
    return replace(found, name=f"{found.name}, {' and '.join(ends)} at the grid's edge") if ends else found


def _foreseen(task: Task) -> Row | None:
    found = known(task.trial, task.sticks or {}, finders(task.share)[task.hindsight])
    if found is None:
        return None
    told = task.trial.figures(found.outcome)
    kind: Kind = "static" if task.hindsight.startswith("static") else "foresight"
    return Row(
        name=task.hindsight, kind=kind, told=found.told, figures=told, seeds=(told,), courses=_courses(found.outcome)
    )


def _courses(outcome: Outcome) -> tuple[Course, ...]:
    return tuple(course(name, pool) for name, pool in outcome.pools.items())
