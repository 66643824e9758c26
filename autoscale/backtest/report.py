"""A backtest's result as plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from autoscale.backtest.certificate import HOLDS_FOR, Certificate, bound
from autoscale.backtest.columns import ratios
from autoscale.backtest.figures import Figures
from autoscale.backtest.hindsight import optimum_name
from autoscale.backtest.paired import Interval, difference, ratio
from autoscale.backtest.protocol import Row
from autoscale.backtest.trial import Trial
from autoscale.backtest.yardstick import Yardstick


@dataclass(frozen=True, kw_only=True)
class Report:
    """All rows of one trace, the demand in replicas, and what the simulator is known to be off by."""

    trial: Trial
    sticks: Mapping[str, Yardstick]
    share: float
    rows: Sequence[Row]
    period: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        """Return what each row pays over what the optimum does, by the row's name."""
        return ratios({row.name: row.figures.paid for row in self.rows}, optimum_name(self.share))

    def paid_beside(self, row: Row) -> Interval | None:
        """Return what a row pays over what the first one does, seed by seed; None where it has other seeds."""
        first = self.rows[0].seeds
        return ratio(_paid(row.seeds), _paid(first)) if len(row.seeds) == len(first) else None

    def slo_beside(self, row: Row) -> Interval | None:
        """Return how much more of its requests a row has within every target than the first one, in the same way."""
        ones, others = ([run.slo for run in runs] for runs in (row.seeds, self.rows[0].seeds))
        return difference(ones, others) if len(ones) == len(others) else None

    @cached_property
    def certificate(self) -> Certificate | None:
        """Return the optimum beside the dual bound; None without an optimum."""
        name = optimum_name(self.share)
        paid = next((row.figures.paid for row in self.rows if row.name == name), None)
        if paid is None:
            return None
        least = bound(self.trial, self.sticks, self.share)
        return Certificate(name=name, paid=paid, bound=least, unit=self.trial.unit)

    @property
    def calibration(self) -> str:
        """Say what the figures are from and how far the engines may be off."""
        told = [
            f"{pool.name}: {pool.profile.model} on {pool.profile.hardware}, steps spread by {pool.profile.noise:.1%}. "
            f"{self.trial.sources.get(pool.name) or 'Its profile does not say how far it may be off.'}"
            for pool in self.trial.scenario.pools
        ]
        return "Simulated, not measured. " + " ".join([*told, *self._luck()])

    def _luck(self) -> Iterator[str]:
        """Say what differs between runs, where there are several."""
        runs = max((len(row.seeds) for row in self.rows), default=0)
        if runs > 1:
            requests = "the same requests" if self.trial.recorded else "requests generated anew for each"
            yield f"Figures are means of {runs} runs, with {requests}; rows that know the future are of the first."

    def _beside(self, row: Row) -> dict[str, Any]:
        found = {"paid_ratio": self.paid_beside(row), "slo_difference": self.slo_beside(row)}
        return {name: asdict(one) for name, one in found.items() if one is not None}

    def plain(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "trace": self.trial.name,
            "period": self.period,
            "slo": self.share,
            "simulated": True,
            "calibration": self.calibration,
            "capacity_error_shown_to_policies": self.trial.scenario.capacity_error,
            "pools": {name: _stick(stick) for name, stick in self.sticks.items()},
            "dual_bound": _certificate(self.certificate),
            "rows": [{**_row(row, self.ratios[row.name]), "beside_the_first": self._beside(row)} for row in self.rows],
        }


def _paid(runs: Sequence[Figures]) -> list[float]:
    return [run.paid for run in runs]


def _certificate(known: Certificate | None) -> dict[str, Any] | None:
    if known is None:
        return None
    return {"bound": known.bound, "unit": known.unit, "gap": _number(known.gap), "holds_for": HOLDS_FOR}


def _stick(stick: Yardstick) -> dict[str, Any]:
    demand = stick.demand
    return {
        "cold_start_s": stick.pool.profile.starts.median_s,
        "carried_rps": stick.carried.rate_rps,
        "carried_in_a_pool_of": stick.carried.replicas,
        "mean_replicas": float(demand.mean()),
        "load_bound_hours": float(stick.work.total_s / 3600),
    }


def _row(row: Row, ratio: float) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "options": row.told,
        "over_optimum": _number(ratio),
        "figures": _figures(row.figures),
        "seeds": [_figures(one) for one in row.seeds],
    }


def _figures(figures: Figures) -> dict[str, float | None]:
    return {name: _number(value) for name, value in asdict(figures).items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
