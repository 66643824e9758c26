"""One picture of a cascade: accuracy by cost, and by how much it asks of the large model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cascade_curve import Line, Point


def plot(curves: Mapping[str, Sequence[Point]], ends: Line, file: Path, *, title: str) -> None:
    """Draw *curves*, by name, and the straight line between both models into *file*."""
    import matplotlib as mpl  # noqa: PLC0415 - only in the peers' environment

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    accuracies = [ends.small_accuracy, ends.large_accuracy]
    _draw(left, {name: [(one.cost, one.accuracy) for one in points] for name, points in curves.items()})
    left.plot([ends.small_cost, 1.0], accuracies, "k--o", markersize=5, label="a coin between the two models")
    left.set(title=title, xlabel="cost, all-large = 1", ylabel="accuracy")
    _draw(right, {name: [(one.escalated, one.accuracy) for one in points] for name, points in curves.items()})
    right.plot([0.0, 1.0], accuracies, "k--o", markersize=5)
    right.set(title="by escalations alone", xlabel="share of questions that go to the large model")
    left.legend(fontsize=8)
    for panel in (left, right):
        panel.grid(visible=True, alpha=0.3)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _draw(panel: Any, curves: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    for name, points in curves.items():
        panel.plot([x for x, _ in points], [y for _, y in points], marker=".", markersize=3, linewidth=1, label=name)
