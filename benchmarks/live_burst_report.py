"""What a burst showed, as a page and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.live_burst_course import Agreement, Course
from benchmarks.live_burst_live import Played

AGREES = 0.10
_BUSY = 0.6


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One burst: what happened, and what the simulator says of the same arrivals."""

    name: str
    span_s: float
    played: Played
    simulated: Course
    agreement: Agreement


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Bursts played at ``speed`` times their pace; ``setup`` are plain facts by name."""

    at: str
    setup: dict[str, str]
    speed: float
    runs: list[Run]


def page(report: Report) -> str:
    """Return the report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# A recorded burst live and simulated ({report.at} UTC)"
    yield ""
    yield f"Time runs {report.speed:g} times as fast as in the trace; all times here are as they were on the clock."
    yield ""
    yield from (f"* {name}: {fact}" for name, fact in report.setup.items())
    for run in report.runs:
        yield from ("", f"## {run.name}, {run.span_s:.0f} s", "")
        yield from _table(run)
        yield from ("", _verdict(run), "")
        yield from _decisions("live", run.played.course)
        yield from _decisions("simulated", run.simulated)


def _table(run: Run) -> Iterator[str]:
    live, simulated, off = run.played.course, run.simulated, run.agreement
    yield "| | live | simulated | difference |"
    yield "|---|--:|--:|--:|"
    means = f"{live.mean_ready:.2f} | {simulated.mean_ready:.2f}"
    yield f"| ready replicas, mean | {means} | {off.ready_seconds_off:+.1%} |"
    yield f"| ready replicas, most | {max(live.ready)} | {max(simulated.ready)} | |"
    yield f"| mean absolute difference of ready replicas | | | {off.ready_off:.1%} |"
    yield (
        f"| requests within both targets | {live.attainment:.1%} of {live.judged} |"
        f" {simulated.attainment:.1%} of {simulated.judged} | {off.attainment_off:+.1%} |"
    )
    for name, field in (("TTFT p50", "ttft_p50_s"), ("TTFT p95", "ttft_p95_s"), ("TPOT mean", "tpot_mean_s")):
        happened, foretold = getattr(live, field), getattr(simulated, field)
        yield f"| {name} | {1e3 * happened:.0f} ms | {1e3 * foretold:.0f} ms | {foretold / happened - 1:+.1%} |"
    yield f"| changes of the target | {len(live.changes)} | {len(simulated.changes)} | |"


def _verdict(run: Run) -> str:
    played = run.played
    busy = np.array(played.cpu)
    agrees = "agree" if run.agreement.within(AGREES) else "DO NOT AGREE"
    void = "" if played.cpu_mean < _BUSY else " **The machine was too busy: this run says nothing.**"
    failed = f"failures: {'; '.join(played.failed[:3])}" if played.failed else "none failed"
    return (
        f"Timeline and attainment {agrees} within {AGREES:.0%}. {played.requests} requests, {failed}; as clients saw it"
        f" {played.clients_attainment:.1%} were within both targets. CPU of the machine {busy.mean():.0%} in the mean,"
        f" {np.quantile(busy, 0.95):.0%} at p95, {busy.max():.0%} at most; requests left the generator at most"
        f" {1e3 * played.late_s:.0f} ms late. Capacities were by formulas at {played.by_formulas:.0%} of the"
        f" live decisions that were looked at, since the simulation of knees had not answered yet.{void}"
    )


def _decisions(who: str, course: Course) -> Iterator[str]:
    yield f"<details><summary>decisions, {who}</summary>\n"
    yield from (f"* {one.t_s:.0f} s: {one.replicas} ({one.reason})" for one in course.changes)
    yield "\n</details>\n"


def plot(report: Report, file: Path) -> bool:
    """Draw the courses into *file*; False where there is no matplotlib, which only the peers' environment has."""
    try:
        import matplotlib as mpl  # noqa: PLC0415
    except ImportError:
        return False
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, rows = plt.subplots(2, len(report.runs), figsize=(7 * len(report.runs), 6), squeeze=False, sharex="col")
    for at, run in enumerate(report.runs):
        _replicas(rows[0][at], run)
        _attained(rows[1][at], run)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return True


def _replicas(panel: Any, run: Run) -> None:
    for label, colour, course in (("live", "tab:red", run.played.course), ("simulated", "tab:blue", run.simulated)):
        panel.step(range(len(course.ready)), course.ready, where="post", color=colour, label=f"{label}, ready")
        panel.step(range(len(course.target)), course.target, where="post", color=colour, linestyle=":", alpha=0.6,
                   label=f"{label}, target")  # fmt: skip
    panel.set(title=run.name, ylabel="replicas", ylim=(0, None))
    panel.grid(visible=True, alpha=0.3)
    panel.legend(fontsize=8)


def _attained(panel: Any, run: Run) -> None:
    for colour, course in (("tab:red", run.played.course), ("tab:blue", run.simulated)):
        window_s = 10.0
        found = [(at * window_s, share) for at, share in enumerate(course.attained) if share is not None]
        panel.plot([at for at, _ in found], [share for _, share in found], color=colour, marker="o", markersize=3)
    panel.set(ylabel="within both targets", xlabel="seconds", ylim=(-0.02, 1.02))
    panel.grid(visible=True, alpha=0.3)
