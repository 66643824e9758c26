"""Two policies that met the same luck are compared run by run."""

from __future__ import annotations

import pytest

from autoscale.backtest.paired import difference, ratio


def test_shared_luck_cancels() -> None:
    """Always a tenth dearer is a tenth dearer for sure, however much the runs differ."""
    found = ratio([11.0, 22.0, 44.0], [10.0, 20.0, 40.0])
    assert (found.value, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))


def test_what_differs_from_run_to_run_widens_the_bounds() -> None:
    """Of three runs all 27 resamples count: the bounds lie among them, around the figure."""
    found = difference([0.999, 0.998, 0.9995], [0.999, 0.999, 0.999])
    assert found.value == pytest.approx(-0.5e-3 / 3)
    assert -1e-3 <= found.low < found.value < found.high <= 0.5e-3


@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_runs(count: int) -> None:
    """One has no spread; of many a fixed draw of resamples, which is the same each time."""
    ones = [1.0 + 0.1 * at for at in range(count)]
    found = ratio(ones, [1.0] * count)
    assert found.low <= found.value <= found.high
    assert found == ratio(ones, [1.0] * count)


def test_runs_without_partners_are_refused() -> None:
    """Nothing is paired by guessing."""
    with pytest.raises(ValueError, match="3 runs cannot be paired with 2"):
        ratio([1.0, 1.0, 1.0], [1.0, 1.0])
