"""What the Prometheus Operator and Grafana are given."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluster.rendering.chart.kinds import Labels, SecretKey
from deployments.strict import Strict


class Monitor(Strict):
    """Scraping by the Prometheus Operator; ``token`` is the operators' one, where gateways ask for it."""

    enabled: bool = False
    labels: Labels = Field(default_factory=dict)
    interval: Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m)$")] = "15s"
    token: SecretKey = SecretKey()


class Rules(Strict):
    """Rules from the document's objectives; ``namespaced`` ones are about the release's own namespace alone."""

    enabled: bool = False
    labels: Labels = Field(default_factory=dict)
    namespaced: bool = True


class Dashboards(Strict):
    """Dashboards as ConfigMaps that Grafana's sidecar finds."""

    enabled: bool = False
    labels: Labels = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    annotations: Labels = Field(default_factory=dict)


class Monitoring(Strict):
    """What the Prometheus Operator and Grafana are given; a ``podMonitor`` or a ``serviceMonitor``, not both."""

    podMonitor: Monitor = Monitor()
    serviceMonitor: Monitor = Monitor()
    prometheusRule: Rules = Rules()
    dashboards: Dashboards = Dashboards()


class SmokeTest(Strict):
    """The pod of ``helm test``, which asks whether the gateways are ready."""

    enabled: bool = True
