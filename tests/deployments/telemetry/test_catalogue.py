"""What the code exposes and what the catalogue says are the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from deployments.engines.histogram import LatencyHistogram
from deployments.signals import FleetView, PoolState, ReplicaSignals, Scaling
from deployments.telemetry.catalogue.catalogue import CATALOGUE, every_series
from deployments.telemetry.catalogue.labels import LABELS
from deployments.telemetry.catalogue.series import Series
from deployments.telemetry.cluster_scrape import Gathered, _Processes
from deployments.telemetry.engine_series import EngineCollector
from tests.deployments.gateway.building import fleet, gateway
from tests.deployments.scripted import Scripted

ROOT = Path(__file__).parents[3]
MAKERS = {
    "Counter",
    "Gauge",
    "Histogram",
    "Summary",
    "CounterMetricFamily",
    "GaugeMetricFamily",
    "HistogramMetricFamily",
}


def view() -> FleetView:
    pools = {"dense": PoolState(ready=1, target=1, starting=0)}
    return FleetView(at_s=0.0, pools=pools, scaling=Scaling(decide=LatencyHistogram().read()))


async def exposed() -> dict[str, Metric]:
    """Return every family of a gateway, of the fleet, of a replica and of an exposition."""
    served = gateway(Scripted({}), view)
    signals = ReplicaSignals(pool="dense", replica="r0", at_s=0.0, stage="ready", stage_since_s=0.0)
    registries = (served.metrics.registry, served.metrics.fleet, served.metrics.gen_ai.registry)
    found = [metric for registry in registries for metric in registry.collect()]
    found += [*EngineCollector(lambda: signals).collect(), *_Processes(Gathered().counts).collect()]
    await served.close()
    names = [metric.name for metric in found]
    assert sorted(names) == sorted(set(names))
    return {metric.name: metric for metric in found}


async def test_whatever_is_exposed_is_in_the_catalogue_and_nothing_else_is() -> None:
    """Names, types and meanings."""
    found = await exposed()
    assert set(found) == {series.name for series in every_series()}
    for series in every_series():
        metric = found[series.name]
        assert (metric.type, metric.documentation) == (series.kind, series.text), series.name


def test_a_name_is_in_the_catalogue_once() -> None:
    """In one group, with a meaning that is a sentence and a unit that its name does not contradict."""
    every = every_series()
    assert len({series.name for series in every}) == len(every)
    for series in every:
        assert series.text.endswith("."), series.name
        assert series.unit, series.name
        assert series.name.endswith("_seconds") <= (series.unit == "seconds"), series.name
        assert bool(series.bounds) == (series.kind == "histogram"), series.name


def test_every_label_is_explained_and_bounded() -> None:
    """And none is explained that nothing has."""
    used = {label for series in every_series() for label in series.whole_labels}
    assert used == set(LABELS)


@pytest.mark.parametrize("series", every_series(), ids=lambda series: series.name)
def test_the_labels_in_use_are_the_catalogue_s(series: Series) -> None:
    """A figure without a process's name is there once for the cluster."""
    assert ("gateway" in series.whole_labels) == (series.told_by == "gateway")
    assert ("replica" in series.whole_labels) == (series.told_by == "replica")


def test_metrics_are_made_from_the_catalogue_alone() -> None:
    """No file of the product makes one by itself."""
    own = ROOT / "deployments/telemetry/catalogue/series.py"
    files = [path for package in ("deployments", "autoscale", "cluster") for path in (ROOT / package).rglob("*.py")]
    made = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if path != own and "prometheus_client" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MAKERS
    ]
    assert [path for path in made if path != "deployments/telemetry/cluster_scrape.py"] == []


def test_groups_have_names() -> None:
    """And none is empty."""
    assert all(CATALOGUE.values())
    assert fleet().pools
