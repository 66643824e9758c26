"""Every metric of the product, in one place."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.telemetry.catalogue import engines, exposition, gen_ai, governance, graph, requests, scaling
from deployments.telemetry.catalogue.series import Series

# What a group is called, and where it stands.
GROUPS = {
    "Requests": requests,
    "Graph": graph,
    "Governance and cost": governance,
    "Pools and autoscaling": scaling,
    "Engines": engines,
    "The exposition itself": exposition,
    "OpenTelemetry's names": gen_ai,
}
# Engines of vLLM expose their own series under their own names, with the labels of their replica.
FOREIGN = "vllm:"

CATALOGUE: Mapping[str, tuple[Series, ...]] = {
    title: tuple(value for value in vars(module).values() if isinstance(value, Series))
    for title, module in GROUPS.items()
}


def every_series() -> tuple[Series, ...]:
    """Return the whole catalogue."""
    return tuple(series for group in CATALOGUE.values() for series in group)


def samples() -> Mapping[str, Series]:
    """Return what a query may name, and the series that it is of."""
    found: dict[str, Series] = {}
    for series in every_series():
        ends = ("_bucket", "_sum", "_count") if series.kind == "histogram" else ("",)
        found.update({f"{series.sample}{end}": series for end in ends})
    return found
