"""The values of the helm chart: what surrounds the Tercet document on Kubernetes, each key once.

``values.schema.json`` is made of it, with the document's own schema in its place. What Kubernetes defines (resources,
tolerations, volumes, …) is passed on as it is and judged by Kubernetes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cluster.rendering.chart.access import (
    Disruption,
    HttpRoute,
    Ingress,
    NetworkPolicy,
    Service,
    ServiceAccount,
    Spread,
)
from cluster.rendering.chart.kinds import GroupName, Labels, Name, Open, SecretKey, Text
from cluster.rendering.chart.monitoring import Monitoring, SmokeTest
from cluster.rendering.chart.pods import Gateway, Head, Image, WorkerGroup
from cluster.rendering.chart.ray import Auth, Autoscaler, Cache, Checkpoints, FaultTolerance
from cluster.rendering.values_schema import DIALECT, document_schema, plain
from deployments.strict import Strict


class ChartValues(Strict):
    """Every key of ``values.yaml``; ``config`` is a Tercet document."""

    mode: Literal["rayservice", "statefulset"] = "rayservice"
    nameOverride: Name = ""
    fullnameOverride: Name = ""
    commonLabels: Labels = Field(default_factory=dict)
    image: Image = Image()
    imagePullSecrets: list[Open] = Field(default_factory=list)
    rayVersion: Text = "2.60.0"
    config: Open
    longestAnswerSeconds: Annotated[int, Field(ge=30, le=86_400)] = 1800
    maxConnections: Annotated[int, Field(ge=100, le=1_000_000)] = 20_000
    readyWithinSeconds: Annotated[int, Field(ge=60, le=86_400)] = 1800
    upgradeStrategy: Literal["NewCluster", "None"] = "NewCluster"
    head: Head
    gateway: Gateway
    workerGroups: dict[GroupName, WorkerGroup] = Field(default_factory=dict)
    autoscaler: Autoscaler = Autoscaler()
    gcsFaultTolerance: FaultTolerance = FaultTolerance()
    auth: Auth = Auth()
    checkpoints: Checkpoints = Checkpoints()
    cache: Cache = Cache()
    huggingFace: SecretKey = SecretKey()
    extraEnv: list[Open] = Field(default_factory=list)
    extraEnvFrom: list[Open] = Field(default_factory=list)
    podSecurityContext: Open = Field(default_factory=dict)
    securityContext: Open = Field(default_factory=dict)
    serviceAccount: ServiceAccount = ServiceAccount()
    service: Service = Service()
    ingress: Ingress = Ingress()
    httpRoute: HttpRoute = HttpRoute()
    networkPolicy: NetworkPolicy = NetworkPolicy()
    podDisruptionBudget: Disruption = Disruption()
    topologySpread: Spread = Spread()
    monitoring: Monitoring = Monitoring()
    smokeTest: SmokeTest = SmokeTest()
    extraObjects: list[Open] = Field(default_factory=list)
    # What helm itself passes to a chart that is part of another.
    global_: Open = Field(default_factory=dict, alias="global")


def values_schema() -> dict[str, Any]:
    """Return ``values.schema.json``: values over defaults, with the document's schema for ``config``."""
    chart, document = plain(ChartValues), document_schema()
    definitions = {**chart.pop("$defs"), **_apart(document.pop("$defs"))}
    # No document at all means the demonstration.
    chart["properties"]["config"] = {"type": "object", "if": {"minProperties": 1}, "then": _moved(document)}
    return {"$schema": DIALECT, **chart, "$defs": definitions}


_OF_DOCUMENT = "#/$defs/document."


def _apart(definitions: dict[str, Any]) -> dict[str, Any]:
    """Keep the document's definitions apart from the chart's, some of which have the same names."""
    return {f"document.{name}": _moved(one) for name, one in definitions.items()}


def _moved(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: _OF_DOCUMENT + value.removeprefix("#/$defs/")
            if key == "$ref" and isinstance(value, str)
            else _moved(value)
            for key, value in schema.items()
        }
    return [_moved(one) for one in schema] if isinstance(schema, list) else schema
