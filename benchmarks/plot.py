"""One picture of a run: throughput against a bare engine, and what everything around the engine costs."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from benchmarks.goals import cpu, tok_s
from benchmarks.results import Results
from benchmarks.spread import Spread, ratios, spread

_FLOOR = {"real": "raw vllm", "synthetic": "plain uvicorn"}
_COLOURS = {
    "raw vllm": "tab:gray",
    "plain uvicorn": "tab:gray",
    "ray.serve.llm defaults": "tab:orange",
    "ray.serve.llm best": "tab:blue",
    "tercet": "tab:red",
}
_BARS_WIDTH = 0.8


def plot(results: Results, file: Path) -> None:
    """Draw *results* into *file*, a row a kind of engine; error bars go from the least to the greatest round."""
    import matplotlib as mpl  # noqa: PLC0415 - only in the peers' environment

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    engines = [engine for engine in _FLOOR if results.contenders(engine)]
    if not engines:
        return
    figure, rows = plt.subplots(len(engines), 2, figsize=(11, 4 * len(engines)), squeeze=False)
    for engine, (left, right) in zip(engines, rows, strict=True):
        _throughput(left, results, engine)
        _cost(right, results, engine)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _throughput(panel: Any, results: Results, engine: str) -> None:
    points, names = results.points(engine), results.contenders(engine)
    width = _BARS_WIDTH / len(names)
    for number, name in enumerate(names):
        shares = [(at, share) for at in points if (share := _share(results, engine, name, at))]
        where = [points.index(at) + (number - (len(names) - 1) / 2) * width for at, _ in shares]
        heights = [share.median for _, share in shares]
        panel.bar(where, heights, width, yerr=_reach(shares), label=name, color=_COLOURS.get(name), capsize=2)
    panel.set_xticks(range(len(points)), [str(at) for at in points])
    panel.set(title=f"{engine} engine: tokens a second, {_FLOOR[engine]} = 1", xlabel="streams")
    panel.axhline(1.0, color="black", linewidth=0.8)


def _cost(panel: Any, results: Results, engine: str) -> None:
    points = results.points(engine)
    for name in results.contenders(engine):
        seen = [(at, [cpu(one) for one in results.rounds(engine, name, at)]) for at in points]
        costs = [(at, spread(values)) for at, values in seen if values and isfinite(max(values))]
        panel.errorbar(
            [at for at, _ in costs], [cost.median for _, cost in costs], yerr=_reach(costs),
            label=name, color=_COLOURS.get(name), marker="o", markersize=4, capsize=3,
        )  # fmt: skip
    around = "outside the engine" if engine == "real" else "of everything"
    panel.set(title=f"{engine} engine: CPU-s {around} per 1,000 tokens", xlabel="streams", xscale="log", yscale="log")
    panel.set_xticks(points, [str(at) for at in points])
    panel.minorticks_off()
    panel.grid(visible=True, alpha=0.3)
    panel.legend(fontsize=8)


def _share(results: Results, engine: str, name: str, streams: int) -> Spread | None:
    pairs = results.paired(engine, name, _FLOOR[engine], streams)
    shares = ratios([tok_s(ours) for ours, _ in pairs], [tok_s(floor) for _, floor in pairs])
    return spread(shares) if shares else None


def _reach(values: list[tuple[int, Spread]]) -> list[list[float]]:
    return [[one.median - one.low for _, one in values], [one.high - one.median for _, one in values]]
