"""The tables that a run prints and that the README quotes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures
from benchmarks.goals import GOALS, Goal, reached, void
from benchmarks.results import Results
from benchmarks.second_opinion import TOOL, Opinion
from benchmarks.spread import spread

ADDED_MS = (8.0, 3.0)
PLAIN_WIDTH = 150
_ENGINES = {"real": "real engine", "synthetic": "synthetic engine, 20 ms tick"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in no particular medium."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Render for a README."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join([f"**{self.title}**", "", *("| " + " | ".join(line) + " |" for line in lines)])

    def rich(self) -> Table:
        """Render for a terminal."""
        table = Table(*self.head, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        return table


def sheets(results: Results) -> list[Sheet]:
    """Return every table that *results* have something for."""
    made = [_goals(results), *_points(results), _opinions(results.opinions), _starts(results)]
    return [sheet for sheet in made if sheet.rows]


def show(results: Results) -> None:
    """Print every table."""
    show_sheets(sheets(results))


def show_sheets(several: Iterable[Sheet]) -> None:
    """Print tables, wide enough for a log where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for sheet in several:
        console.print(sheet.rich())


def markdown(results: Results) -> str:
    """Render every table for results/README.md."""
    setup = "\n".join(f"* {name}: {fact}" for name, fact in results.setup.items())
    body = "\n\n".join(sheet.markdown() for sheet in sheets(results))
    return f"# Results of {results.at}\n\nMedian of the rounds, least–greatest in brackets.\n\n{setup}\n\n{body}\n"


def _goals(results: Results) -> Sheet:
    head = ["figure of Tercet", "engine", "streams", "against", "ratio or value", "must reach", "aim", ""]
    rows = [row for goal in GOALS if (row := _goal(goal, results))]
    if (added := results.added_ttft) is not None:
        value = f"+{added.added_p50_ms:.1f} ms ({added.low_ms:.1f}–{added.high_ms:.1f})"
        word = "aim" if added.high_ms <= ADDED_MS[1] else "met" if added.high_ms <= ADDED_MS[0] else "missed"
        bounds = [f"{bound:+g} ms" for bound in ADDED_MS]
        rows.append(
            [f"added TTFT, {added.pairs} pairs, 95 % interval", "synthetic", "1", "plain uvicorn", value, *bounds, word]
        )
    return Sheet("What Tercet is held to", head, rows)


def _goal(goal: Goal, results: Results) -> list[str]:
    seen = reached(goal, results)
    if seen is None:
        return []
    word = "void" if void(goal, results) else goal.met(seen.median)
    sign = "≥" if goal.higher else "≤"
    return [
        goal.what,
        goal.engine,
        str(goal.streams),
        goal.against or "–",
        str(seen),
        f"{sign} {goal.bound:g}",
        f"{goal.aim:g}",
        word,
    ]


def _points(results: Results) -> Iterator[Sheet]:
    head = ["contender", "tok/s", "TTFT p50", "p99", "gap p50", "p99", "tokens a read", "CPU-s/1,000", "failed", "load"]
    for engine, title in _ENGINES.items():
        for streams in results.points(engine):
            named = [(name, results.rounds(engine, name, streams)) for name in results.contenders(engine)]
            rows = [[name, *_cells(rounds)] for name, rounds in named if rounds]
            count = max((len(rounds) for _, rounds in named), default=0)
            yield Sheet(f"{streams} stream{'s' * (streams > 1)}, {title}, {count} interleaved rounds", head, rows)


def _cells(rounds: Sequence[Figures]) -> list[str]:
    rate = spread([seen.tok_s for seen in rounds])
    costs = [seen.framework_per_1000 for seen in rounds if seen.framework_per_1000 is not None]
    return [
        f"{rate.median:,.0f} ({rate.low:,.0f}–{rate.high:,.0f})",
        *(_ms([getattr(seen, name) for seen in rounds]) for name in _TIMES),
        f"{median(seen.tokens_per_read for seen in rounds):.2f}",
        f"{median(costs):.3f}" if costs else "–",
        str(sum(seen.failed for seen in rounds)),
        f"{max(seen.generator_share for seen in rounds):.0%}",
    ]


_TIMES = ("ttft_p50_ms", "ttft_p99_ms", "gap_p50_ms", "gap_p99_ms")


def _ms(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.1f} ms" if known else "–"


def _opinions(opinions: Sequence[Opinion]) -> Sheet:
    head = ["contender", "streams", "tok/s", "TTFT p50", "ITL p50", "ITL p99", "failed"]
    groups: dict[tuple[int, str], list[Opinion]] = {}
    for one in opinions:
        groups.setdefault((one.streams, one.contender), []).append(one)
    rows = [
        [
            name,
            str(streams),
            f"{median(one.tok_s for one in group):,.0f}",
            _ms([one.ttft_p50_ms for one in group]),
            _ms([one.itl_p50_ms for one in group]),
            _ms([one.itl_p99_ms for one in group]),
            str(sum(one.failed for one in group)),
        ]
        for (streams, name), group in sorted(groups.items(), key=lambda item: item[0][0])
    ]
    return Sheet(f"Second opinion: {TOOL}, real engine", head, rows)


def _starts(results: Results) -> Sheet:
    head = ["contender", "engine", "first answer after", "memory", "CPU at rest"]
    rows = [
        [one.contender, one.engine, f"{one.started_s:.0f} s", f"{one.memory_gib:.1f} GiB", f"{one.idle_share:.1%}"]
        for one in results.starts
    ]
    return Sheet("At rest", head, rows)
