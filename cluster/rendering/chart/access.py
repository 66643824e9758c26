"""Who reaches what, and how pods are spread and kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cluster.rendering.chart.kinds import Labels, Open, Text
from deployments.strict import Strict


class ServiceAccount(Strict):
    """The account of all pods; only the head's, and only with the autoscaler, has its token mounted."""

    create: bool = True
    name: str = ""
    annotations: Labels = Field(default_factory=dict)


class Service(Strict):
    """Where clients come in: gateways that are ready."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    annotations: Labels = Field(default_factory=dict)
    loadBalancerSourceRanges: list[Text] = Field(default_factory=list)


class Ingress(Strict):
    """An Ingress to the service."""

    enabled: bool = False
    className: str = ""
    annotations: Labels = Field(default_factory=dict)
    hosts: list[Text] = Field(default_factory=list)
    tls: list[Open] = Field(default_factory=list)


class HttpRoute(Strict):
    """A route of the Gateway API to the service; its timeout is the longest answer."""

    enabled: bool = False
    annotations: Labels = Field(default_factory=dict)
    parentRefs: list[Open] = Field(default_factory=list)
    hostnames: list[Text] = Field(default_factory=list)


class NetworkPolicy(Strict):
    """Who reaches which port: clients the gateways, operators their port, Prometheus metrics, KubeRay the head.

    Lists are peers as a NetworkPolicy has them. No ``clientsFrom`` means everybody, no ``adminFrom`` nobody. With
    ``egress``, pods reach each other, names, and what its rules allow.
    """

    enabled: bool = True
    clientsFrom: list[Open] = Field(default_factory=list)
    adminFrom: list[Open] = Field(default_factory=list)
    monitoringFrom: list[Open] = Field(default_factory=list)
    operatorFrom: list[Open] = Field(default_factory=list)
    egress: list[Open] = Field(default_factory=list)


class Disruption(Strict):
    """Budgets of voluntary disruptions, for each part that has at least two pods at all times."""

    enabled: bool = True


class Spread(Strict):
    """How the pods of each part are spread over machines."""

    enabled: bool = True
    maxSkew: Annotated[int, Field(ge=1)] = 1
    topologyKey: Text = "kubernetes.io/hostname"
    whenUnsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
