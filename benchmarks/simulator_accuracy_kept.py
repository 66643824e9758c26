"""The comparison as a file of runs, and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from benchmarks.report import Sheet
from benchmarks.simulator_accuracy_table import GATES, Comparison, Point, comparisons, grouped

FILE = "simulator_accuracy"
_NAMES: Mapping[str, str] = {
    "tpot_mean_s": "TPOT mean", "ttft_mean_s": "TTFT mean", "ttft_p99_s": "TTFT P99", "tok_s": "throughput",
}  # fmt: skip
_VERDICTS = ("met", "within the spread", "missed")


class Accuracy(msgspec.Struct, kw_only=True):
    """The whole comparison; ``setup`` are plain facts by name."""

    at: str
    setup: dict[str, str]
    points: list[Point] = []


def read(folder: Path) -> Accuracy:
    """Read what ``write`` wrote; nothing where nothing was written."""
    file = folder / f"{FILE}.json"
    return msgspec.json.decode(file.read_bytes(), type=Accuracy) if file.exists() else Accuracy(at="", setup={})


def write(found: Accuracy, folder: Path) -> None:
    """Write the runs, and the tables as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{FILE}.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    facts = "\n".join(f"* {name}: {fact}" for name, fact in found.setup.items())
    tables = "\n\n".join(sheet.markdown() for sheet in sheets(found))
    (folder / f"{FILE}.md").write_text(f"# Simulator against the real engine, {found.at}\n\n{facts}\n\n{tables}\n")


def sheets(found: Accuracy) -> list[Sheet]:
    """Return the tables."""
    several = comparisons(found.points)
    head = ["arrivals", "of knee", "figure", "engine", "its spread", "simulated", "error", "limit", "", "refitted"]
    return [
        _summary(several),
        Sheet("Every load", head, [_row(one) for one in several]),
        Sheet(
            "The machine's own course",
            ["arrivals", "of knee", "requests", "requests/s", "steps over the profile's, round by round"],
            list(_courses(found.points)),
        ),
    ]


def _summary(several: Sequence[Comparison]) -> Sheet:
    head = ["figure", "mean error", "largest", "gate", *_VERDICTS, "mean error, refitted"]
    return Sheet("In short", head, [_short(name, [one for one in several if one.figure == name]) for name in GATES])


def _short(figure: str, several: Sequence[Comparison]) -> list[str]:
    said = [one.verdict for one in several]
    return [
        _NAMES[figure],
        f"{fmean(abs(one.error) for one in several):.1%}",
        f"{max(abs(one.error) for one in several):.1%}",
        f"{GATES[figure]:.0%}",
        *(str(said.count(word)) for word in _VERDICTS),
        f"{fmean(one.left for one in several):.1%}",
    ]


def _row(one: Comparison) -> list[str]:
    return [
        one.gaps, f"{one.load:.0%}", _NAMES[one.figure], _value(one.figure, one.real), f"{one.spread:.1%}",
        _value(one.figure, one.simulated), f"{one.error:+.1%}", f"{one.limit:.1%}", one.verdict,
        f"{one.left:.1%}",
    ]  # fmt: skip


def _value(figure: str, value: float) -> str:
    return f"{value:.1f} tok/s" if figure == "tok_s" else f"{1e3 * value:.1f} ms"


def _courses(points: Sequence[Point]) -> Iterator[list[str]]:
    for several in grouped(points):
        one = several[0]
        course = ", ".join(f"{each.slowness:.3f}" for each in several)
        named, rate = one.run.course.gaps, one.run.course.rate_rps
        yield [named, f"{one.load:.0%}", str(one.run.requests), f"{rate:.2f}", course]
