"""What the autoscaler is held to, and what was found, workload by workload."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autoscale.backtest.hindsight import optimum_name
from autoscale.backtest.protocol import Row
from benchmarks.autoscale_plan import Part
from benchmarks.autoscale_planned import ENOUGH, KNEE, Told
from benchmarks.autoscale_trials import SHARE

POLICY = "sla"
_VOID = "void: the SLO is missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure of one part; more is better where ``more`` says so. ``found`` is nan where nothing was found."""

    figure: str
    part: str
    found: float
    least: float
    aim: float
    more: bool = False
    form: str = "{:.2f}"
    beside: str = ""
    holds: bool = True

    @property
    def verdict(self) -> str:
        """Return whether it is missed, met, or as good as it should be; nothing is met that costs the SLO."""
        if math.isnan(self.found):
            return "not measured"
        if self._reaches(self.aim):
            return "aim" if self.holds else _VOID
        if self._reaches(self.least):
            return "met" if self.holds else _VOID
        return "missed"

    def _reaches(self, wanted: float) -> bool:
        return self.found >= wanted if self.more else self.found <= wanted

    @property
    def cells(self) -> list[str]:
        """Return it as a line of a table."""
        sign = "≥" if self.more else "≤"
        found = "–" if math.isnan(self.found) else self.form.format(self.found)
        limits = [f"{sign} {self.form.format(one)}" for one in (self.least, self.aim)]
        return [self.figure, self.part, f"{found} {self.beside}".strip(), *limits, self.verdict]


def goals(told: Mapping[Part, Told]) -> Iterator[Goal]:
    """Yield every figure of every part that a policy was judged on."""
    for part, one in told.items():
        if POLICY not in one.rows:
            continue
        if part.setting.stand_in:
            yield from _brown_out(part, one.rows)
            continue
        yield from _slo(part, one.rows)
        if not part.workload.made_up and _plain(part):
            yield from _peers(part, one)
        yield from _calm(part, one.rows)


def _plain(part: Part) -> bool:
    return part.setting.capacity_error == 0 and part.setting.cold_start_s <= 180  # noqa: PLR2004  # the first row's


def _slo(part: Part, rows: Mapping[str, Row]) -> Iterator[Goal]:
    week, ours = _plain(part) and not part.workload.made_up, rows.get(POLICY)
    least, aim = (SHARE, 0.9995) if week else (ENOUGH, SHARE)
    slo = _of(ours, "slo")
    lowest = f"(lowest of {len(ours.seeds)} seeds {min(one.slo for one in ours.seeds):.3%})" if ours else ""
    form, beside = "{:.3%}", lowest if ours and len(ours.seeds) > 1 else ""
    yield Goal(
        figure="SLO attainment", part=part.name, found=slo, least=least, aim=aim, more=True, form=form, beside=beside
    )
    if part.setting.capacity_error:
        return
    optimum = rows.get(optimum_name(SHARE))
    ratio = _of(ours, "gpu_hours") / _of(optimum, "gpu_hours")
    most, better = (1.15, 1.08) if week else (1.25, 1.15)
    yield Goal(
        figure="GPU-hours × OPT99.9", part=part.name, found=ratio, least=most, aim=better, form="{:.3f}",
        holds=slo >= least,
    )  # fmt: skip


def _peers(part: Part, told: Told) -> Iterator[Goal]:
    ours = told.rows.get(POLICY)
    for figure, rivals, least, aim in (
        ("GPU-hours × the best peer at its defaults", _rivals(told, ("peer",)), 0.9, 0.8),
        ("GPU-hours × the best tuned peer", _rivals(told, ("tuned",)), 1.0, 0.95),
        ("GPU-hours × an HPA on the knee", _rivals(told, ("peer", "tuned"), simple=True), 1.0, 0.95),
    ):
        holding = [row for row in rivals if row.figures.slo >= SHARE]
        rival = min(holding, key=lambda row: row.figures.paid, default=None)
        beside = f"({rival.name}, {rival.figures.slo:.3%})" if rival else "(none held)" if rivals else ""
        yield Goal(
            figure=figure, part=part.name, found=_of(ours, "gpu_hours") / _of(rival, "gpu_hours"), least=least,
            aim=aim, form="{:.3f}", beside=beside, holds=_of(ours, "slo") >= SHARE,
        )  # fmt: skip


def _rivals(told: Told, kinds: tuple[str, ...], *, simple: bool = False) -> list[Row]:
    return [row for row in told.rows.values() if row.kind in kinds and row.name.startswith(KNEE) == simple]


def _calm(part: Part, rows: Mapping[str, Row]) -> Iterator[Goal]:
    ours = rows.get(POLICY)
    starts = _of(ours, "starts")
    wasted = _of(ours, "wasted") / starts if starts else 0.0
    yield Goal(figure="cut streams", part=part.name, found=_of(ours, "cut"), least=0, aim=0, form="{:.0f}")
    yield Goal(figure="wasted starts", part=part.name, found=wasted, least=0.02, aim=0.0, form="{:.1%}")
    turned = _of(ours, "reversals_per_day")
    yield Goal(figure="reversals a day", part=part.name, found=turned, least=12, aim=6, form="{:.1f}")


def _brown_out(part: Part, rows: Mapping[str, Row]) -> Iterator[Goal]:
    ours = rows.get(POLICY)
    moved = _of(ours, "moved")
    yield Goal(
        figure="×4 step recovers, s", part=part.name, found=_of(ours, "recover_s"), least=30, aim=10, form="{:.0f}"
    )
    yield Goal(figure="tokens moved meanwhile", part=part.name, found=moved, least=0.02, aim=0.02, form="{:.2%}")


def _of(row: Row | None, name: str) -> float:
    return float(getattr(row.figures, name)) if row is not None else math.nan
