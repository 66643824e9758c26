"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from autoscale.backtest.columns import COLUMNS, written
from autoscale.backtest.hindsight import optimum_name
from autoscale.backtest.plots import frontier, timeline
from autoscale.backtest.protocol import Row
from autoscale.backtest.report import Report

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1400px; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.policy { background: #fdeeee; } tr.foresight, tr.static { color: #666; } tr.missed td:nth-child(2) { color: #b00; }
"""


def page(reports: Sequence[Report]) -> str:
    """Return the whole document, plotly's script included once."""
    parts = list(_parts(reports))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Tercet backtest</title>"
        f"<style>{_STYLE}</style></head><body><h1>Tercet backtest</h1>{''.join(parts)}</body></html>"
    )


def _parts(reports: Sequence[Report]) -> Iterator[str]:
    script: bool | str = True
    for report in reports:
        yield f"<h2>{escape(report.trial.name)} {escape(report.period)}</h2><p>{escape(report.calibration)}</p>"
        yield table(report)
        if report.certificate is not None:
            yield f"<p>{escape(report.certificate.told)}</p>"
        yield _drawn(frontier(report), script)
        script = False
        for row in shown(report):
            for course in row.courses:
                yield _drawn(timeline(row, course, report.sticks.get(course.pool)), script)
                if course.decisions_left_out:
                    yield f"<p>{course.decisions_left_out} later decisions are not drawn.</p>"


def _drawn(figure: Any, script: bool | str) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=script))


def shown(report: Report) -> list[Row]:
    """Return the rows whose course is drawn: policies, the cheapest peer that holds the SLO, and the optimum."""
    holding = [row for row in report.rows if row.kind in {"peer", "tuned"} and row.figures.slo >= report.share]
    best = [min(holding, key=lambda row: row.figures.paid)] if holding else []
    policies = [row for row in report.rows if row.kind == "policy"]
    return [*policies, *best, *(row for row in report.rows if row.name == optimum_name(report.share))]


def table(report: Report) -> str:
    """Return the table as HTML."""
    heads = ["", f"× {optimum_name(report.share)}", *(column.head for column in COLUMNS)]
    lines = [f"<tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>"]
    for row in report.rows:
        cells = [written(report.ratios[row.name], "{:.3f}"), *(column.told(row.figures) for column in COLUMNS)]
        missed = " missed" if row.figures.slo < report.share else ""
        name = f"<td title='{escape(row.told, quote=True)}'>{escape(row.name)}</td>"
        lines.append(f"<tr class='{row.kind}{missed}'>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"
