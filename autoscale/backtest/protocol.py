"""Every row of a backtest on one trace: policies, peers, and what knew the future."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from typing import Literal

from autoscale.backtest.contenders import PEERS, edges
from autoscale.backtest.course import Course, course
from autoscale.backtest.entrants import Entrant, Kind
from autoscale.backtest.figures import Figures, mean
from autoscale.backtest.hindsight import finders, known
from autoscale.backtest.memory import Memory, key_of
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
    """One row to be made: an entrant's, one that tunes it first on another trial, or one of hindsight by its name.

    Runs that ``memory`` knows are not made again, and have no courses.
    """

    trial: Trial
    share: float
    seeds: tuple[int, ...] = (0,)
    entrant: Entrant | None = None
    tune_on: Trial | None = None
    settings: tuple[Entrant, ...] = ()
    hindsight: str = ""
    sticks: Mapping[str, Yardstick] | None = None
    memory: Memory = field(default_factory=Memory)

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
    hindsight: bool | Sequence[str] = True,
    memory: Memory | None = None,
) -> list[Task]:
    """Return a task for every row: entrants, peers tuned on *tune_on*, and rows of *hindsight*, named or all."""
    whole = Task(trial=trial, share=share, seeds=seeds, sticks=sticks, memory=memory or Memory())
    each = replace(whole, sticks=None)
    found = [replace(each, entrant=entrant) for entrant in entrants]
    for entrant in entrants if tune_on is not None else ():
        settings = PEERS[entrant.rule].settings if entrant.rule else ()
        tuned = tuple(entrant.tuned(options) for options in settings)
        if tuned:
            found.append(replace(each, entrant=entrant, tune_on=tune_on, settings=tuned))
    names = finders(share) if hindsight is True else hindsight or ()
    return found + [replace(whole, seeds=(0,), hindsight=name) for name in names]


def made(tasks: Sequence[Task], jobs: int, told: Callable[[str], None]) -> Iterator[Row]:
    """Make the rows in order, in *jobs* processes where that is more than one; *told* hears the name of each.

    A row of hindsight that no schedule reaches is left out. Those of hindsight, which take longest, are begun first.
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
        begun = {at: processes.submit(make, task) for at, task in sorted(enumerate(tasks), key=_longest_first)}
        yield from (begun[at].result() for at in range(len(tasks)))


def _longest_first(one: tuple[int, Task]) -> tuple[bool, bool, int]:
    at, task = one
    return task.entrant is not None, task.tune_on is None, at


def make(task: Task) -> Row | None:
    """Make one row; None where no schedule reaches the SLO. Raises ValueError where a policy cannot be built."""
    if task.entrant is None:
        return _foreseen(task)
    entrant = _tuned(task) if task.tune_on is not None else task.entrant
    outcomes: list[Outcome] = []
    told = tuple(_judged(task.trial.seeded(seed), entrant, task.memory, outcomes.append) for seed in task.seeds)
    return Row(
        name=entrant.name,
        kind=entrant.kind,
        told=entrant.told,
        figures=mean(told),
        seeds=told,
        courses=_courses(outcomes[0]) if len(outcomes) == len(task.seeds) else (),
    )


def _judged(trial: Trial, entrant: Entrant, memory: Memory, ran: Callable[[Outcome], None]) -> Figures:
    """Return a run's figures, remembered or made; *ran* hears what came of one that was made."""

    def made() -> dict[str, float]:
        outcome = trial.run(entrant.policy())
        ran(outcome)
        return asdict(trial.figures(outcome))

    if memory.path is None:
        return Figures(**made())
    kind: Literal["peer", "policy"] = "peer" if entrant.rule else "policy"
    key = key_of(kind, trial.plain, entrant.rule, entrant.options, entrant.spec)
    return Figures(**memory.recall(key, made))


def _unheard(_: Outcome) -> None:
    """Forget what came of a run."""


def _tuned(task: Task) -> Entrant:
    trial = task.tune_on or task.trial
    tried = [Tried(setting=one, figures=_judged(trial, one, task.memory, _unheard)) for one in task.settings]
    found = best(tried, task.share).setting
    ends = edges(found.options, [one.options for one in task.settings])
    return replace(found, name=f"{found.name}, {' and '.join(ends)} at the grid's edge") if ends else found


def _foreseen(task: Task) -> Row | None:
    kind: Kind = "static" if task.hindsight.startswith("static") else "foresight"
    courses: list[Course] = []

    def made() -> tuple[dict[str, float], str] | None:
        found = known(task.trial, task.sticks or {}, finders(task.share)[task.hindsight], task.memory)
        if found is None:
            return None
        courses.extend(_courses(found.outcome))
        return asdict(task.trial.figures(found.outcome)), found.told

    key = key_of("hindsight", task.trial.plain.foreseen({}), task.share, task.hindsight) if task.memory.path else ""
    known_of = task.memory.recall(key, made)
    if known_of is None:
        return None
    told = Figures(**known_of[0])
    return Row(name=task.hindsight, kind=kind, told=known_of[1], figures=told, seeds=(told,), courses=tuple(courses))


def _courses(outcome: Outcome) -> tuple[Course, ...]:
    return tuple(course(name, pool) for name, pool in outcome.pools.items())
