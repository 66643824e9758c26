"""The comparison of closed-form and simulated knees: small, and near enough to notice a formula that broke."""

from __future__ import annotations

import pytest

from benchmarks import knee_calibration
from benchmarks.knee_calibration import case, report


def test_closed_form_and_simulation_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six random cases, the middle one is off by at most a quarter; and every kind of case has its line."""
    monkeypatch.setattr(knee_calibration, "REQUESTS", {0.99: 3_000, 0.999: 6_000})
    found = [(one, one.simulated()) for one in map(case, range(1000, 1006))]
    off = sorted(abs(one.closed_form().rate_rps / rate - 1) for one, rate in found)
    assert off[2] < 0.25
    lines = list(report(found))
    assert len(lines) == 14
    assert "any utilisation" in lines[1]
    assert "6" in lines[1]


def test_cases_follow_from_their_seed() -> None:
    """So that a table can be made again."""
    assert case(7) == case(7) != case(8)
