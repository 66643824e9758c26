"""The table's columns: what each is called and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autoscale.backtest.figures import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure: its head, how to read it off a run, how to write it."""

    head: str
    value: Callable[[Figures], float]
    form: str = "{:.1f}"

    def told(self, figures: Figures) -> str:
        """Write it; a dash where there is nothing."""
        return written(self.value(figures), self.form)


def written(value: float, form: str) -> str:
    """Write a number; a dash where it is none."""
    return "–" if math.isnan(value) else form.format(value)


SHARE = "{:.3%}"

COLUMNS: tuple[Column, ...] = (
    Column(head="SLO", value=lambda one: one.slo, form=SHARE),
    Column(head="TTFT", value=lambda one: one.ttft, form=SHARE),
    Column(head="TPOT", value=lambda one: one.tpot, form=SHARE),
    Column(head="worst 5 min", value=lambda one: one.worst_5min, form="{:.1%}"),
    Column(head="TTFT p99 s", value=lambda one: one.ttft_p99_s, form="{:.2f}"),
    Column(head="replica-hours", value=lambda one: one.replica_hours),
    Column(head="GPU-hours", value=lambda one: one.gpu_hours),
    Column(head="cost / 1M good tokens", value=lambda one: one.cost_per_million, form="{:.3f}"),
    Column(head="starts", value=lambda one: one.starts, form="{:.0f}"),
    Column(head="wasted", value=lambda one: one.wasted, form="{:.0f}"),
    Column(head="reversals/day", value=lambda one: one.reversals_per_day),
    Column(head="cut", value=lambda one: one.cut, form="{:.0f}"),
    Column(head="moved", value=lambda one: one.moved, form="{:.2%}"),
    Column(head="recover s", value=lambda one: one.recover_s, form="{:.0f}"),
    Column(head="decision ms", value=lambda one: one.decide_ms, form="{:.2f}"),
)


def ratios(paid: Mapping[str, float], optimum: str) -> dict[str, float]:
    """Return what each row pays over what the optimum does; nan where no optimum was found."""
    best = paid.get(optimum, math.nan)
    return {name: one / best if best else math.nan for name, one in paid.items()}
