"""The page of metrics is written from the catalogue."""

from __future__ import annotations

from pathlib import Path

from cluster.rendering.metrics_page import metrics_page
from deployments.telemetry.catalogue.catalogue import every_series

PAGE = Path(__file__).parents[3] / "docs/metrics.md"


def test_the_page_is_up_to_date() -> None:
    """Write it with ``tercet render metrics --into docs``."""
    assert PAGE.read_text(encoding="utf-8") == metrics_page()


def test_every_series_is_a_row() -> None:
    """With type, unit and labels."""
    rows = [line for line in metrics_page().splitlines() if line.startswith("| `")]
    for series in every_series():
        assert any(row.startswith(f"| `{series.sample}` | {series.kind} | {series.unit} |") for row in rows)
