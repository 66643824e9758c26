"""The frontier and the timelines, drawn by plotly."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from autoscale.backtest.course import Course
from autoscale.backtest.protocol import Row
from autoscale.backtest.report import Report
from autoscale.backtest.yardstick import Yardstick

_FEWEST_MISSED = 1e-6
_POINTS = 1500
_COLOURS = {"policy": "#d62728", "peer": "#1f77b4", "tuned": "#2ca02c", "static": "#7f7f7f", "foresight": "#000000"}
_STAGES = {
    "ready": "#4c9f70",
    "warming": "#a7d8b9",
    "loading": "#f2c14e",
    "requested": "#f78154",
    "draining": "#b0b0b0",
}


def frontier(report: Report) -> Any:
    """Return what is paid against the share of requests that missed, on a scale of tens."""
    import plotly.graph_objects as go  # noqa: PLC0415  # only reports draw

    figure = go.Figure()
    for kind, colour in _COLOURS.items():
        chosen = [row for row in report.rows if row.kind == kind]
        figure.add_trace(
            go.Scatter(
                x=[row.figures.paid for row in chosen],
                y=[max(_FEWEST_MISSED, 1 - row.figures.slo) for row in chosen],
                text=[escape(row.name) for row in chosen],
                hovertext=[_hover(row, report) for row in chosen],
                hoverinfo="text",
                mode="markers+text",
                textposition="top center",
                marker={"size": 10, "color": colour},
                name=kind,
            )
        )
    figure.add_hline(y=1 - report.share, line_dash="dot", annotation_text=f"target {report.share:.3%}")
    figure.update_yaxes(
        type="log", autorange="reversed", title="share of requests that missed a target (upwards: fewer)"
    )
    figure.update_xaxes(title=f"{report.trial.unit} (simulated)")
    figure.update_layout(title="What is paid for which SLO", height=620, template="plotly_white")
    return figure


def _hover(row: Row, report: Report) -> str:
    ratio = report.ratios[row.name]
    return f"{escape(row.name)}<br>SLO {row.figures.slo:.3%}<br>{ratio:.2f} × the optimum<br>{escape(row.told)}"


def timeline(row: Row, course: Course, stick: Yardstick | None) -> Any:
    """Return one run over time: demand and replicas by stage, what waits and what was attained, and every decision."""
    from plotly.subplots import make_subplots  # noqa: PLC0415  # only reports draw

    heads = ("replicas by stage and demand", "share within every target", "requests that wait")
    figure = make_subplots(
        rows=3, shared_xaxes=True, row_heights=[0.6, 0.2, 0.2], vertical_spacing=0.05, subplot_titles=heads
    )
    for trace in _upper(course, stick):
        figure.add_trace(trace, row=1, col=1)
    lower = (_line(course.attained_t_h, course.attained, "within"), _line(course.t_h, course.waiting, "waiting"))
    for place, trace in enumerate(lower, start=2):
        figure.add_trace(trace, row=place, col=1)
    figure.update_xaxes(title="hours", row=3, col=1)
    figure.update_layout(title=f"{escape(row.name)}: pool {escape(course.pool)}", height=760, template="plotly_white")
    return figure


def _upper(course: Course, stick: Yardstick | None) -> list[Any]:
    import plotly.graph_objects as go  # noqa: PLC0415  # only reports draw

    drawn: list[Any] = [
        go.Scatter(
            x=course.t_h,
            y=course.stages[stage],
            name=stage,
            stackgroup="s",
            line={"width": 0, "shape": "hv"},
            fillcolor=colour,
        )
        for stage, colour in _STAGES.items()
    ]
    if stick is not None:
        every = max(1, -(-len(stick.demand) // _POINTS))
        means = np.add.reduceat(stick.demand, np.arange(0, len(stick.demand), every)) / every
        hours = np.arange(len(means)) * every * stick.offered.step_s / 3600
        drawn.append(
            go.Scatter(
                x=hours.tolist(), y=means.tolist(), name="demand in replicas", line={"color": "#d62728", "width": 1}
            )
        )
    drawn.append(_decisions(course))
    return drawn


def _decisions(course: Course) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415  # only reports draw

    return go.Scatter(
        x=[one.t_s / 3600 for one in course.decisions],
        y=[one.replicas for one in course.decisions],
        mode="markers",
        marker={"symbol": "diamond", "size": 6, "color": "#333333"},
        name="decisions",
        hoverinfo="text",
        hovertext=[_reason(one.replicas, one.reason, one.binds, one.rejected) for one in course.decisions],
    )


def _reason(replicas: int, reason: str, binds: str, rejected: Sequence[str]) -> str:
    lines = [f"to {replicas}", reason, *([f"binds: {binds}"] if binds else []), *(f"not: {one}" for one in rejected)]
    return "<br>".join(escape(line) for line in lines)


def _line(x: Sequence[float], y: Sequence[float | None], name: str) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415  # only reports draw

    return go.Scatter(x=list(x), y=list(y), name=name, line={"width": 1})
