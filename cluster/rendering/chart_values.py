"""The values of the helm chart: what surrounds the Tercet document on Kubernetes, each key once.

``values.schema.json`` is made of it, with the document's own schema in its place. What Kubernetes defines (resources,
tolerations, volumes, …) is passed on as it is and judged by Kubernetes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cluster.rendering.values_schema import DIALECT, document_schema, plain
from deployments.strict import Strict

Text = Annotated[str, Field(min_length=1)]
# Pods are named for their release and group, and a name has 63 letters.
GroupName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
Name = Annotated[str, Field(max_length=40, pattern=r"^([a-z]([a-z0-9-]*[a-z0-9])?)?$")]
Open = dict[str, Any]
Labels = dict[str, str]
WholeCores = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]+$")]
Memory = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)$")]


class Image(Strict):
    """The image of every container; ``digest`` wins over ``tag``, and no tag means the chart's version."""

    repository: Text = "tercet"
    tag: str = ""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class Limits(Strict):
    """What a machine of a group has: whole cores and memory; GPUs by the name of the device plugin."""

    cpu: WholeCores
    memory: Memory
    gpus: Annotated[int, Field(ge=0, le=64)] = 0


class Pod(Strict):
    """What may be said of the pods of each part."""

    nodeSelector: Labels = Field(default_factory=dict)
    tolerations: list[Open] = Field(default_factory=list)
    affinity: Open = Field(default_factory=dict)
    priorityClassName: str = ""
    runtimeClassName: str = ""
    podAnnotations: Labels = Field(default_factory=dict)
    podLabels: Labels = Field(default_factory=dict)
    extraEnv: list[Open] = Field(default_factory=list)
    extraVolumes: list[Open] = Field(default_factory=list)
    extraVolumeMounts: list[Open] = Field(default_factory=list)
    shmSize: Memory = "512Mi"


class Head(Pod):
    """Ray's head: it computes nothing, and without fault tolerance its loss is a new start."""

    limits: Limits


class Gateway(Pod):
    """Machines for gateways, one gateway on each; ``config.gateway.replicas`` says how many.

    ``spare`` more may run while a gateway moves from a machine that goes.
    """

    limits: Limits
    spare: Annotated[int, Field(ge=0, le=100)] = 1


class WorkerGroup(Pod):
    """Machines for engines, all alike.

    With the autoscaler there are from ``minReplicas`` to ``maxReplicas``, else ``replicas``. The pools of ``pools`` lie
    on this group alone. ``terminationGracePeriodSeconds`` is by default as long as the longest answer and a minute.
    """

    limits: Limits
    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    minReplicas: Annotated[int, Field(ge=0, le=1000)] = 0
    maxReplicas: Annotated[int, Field(ge=1, le=1000)] = 1
    idleTimeoutSeconds: Annotated[int, Field(ge=1)] | None = None
    terminationGracePeriodSeconds: Annotated[int, Field(ge=30)] | None = None
    gpuResource: Text = "nvidia.com/gpu"
    pools: list[Text] = Field(default_factory=list)


class Autoscaler(Strict):
    """Ray's own autoscaler (v2), which asks KubeRay for machines; only in mode ``rayservice``."""

    enabled: bool = True
    idleTimeoutSeconds: Annotated[int, Field(ge=1)] = 300
    upscalingMode: Literal["Default", "Aggressive", "Conservative"] = "Default"
    resources: Open = Field(default_factory=dict)


class SecretKey(Strict):
    """One entry of a Secret; none where ``name`` is empty."""

    name: str = ""
    key: Text = "token"


class FaultTolerance(Strict):
    """What Ray's head knows, kept in a Redis so that a new head takes up the cluster that runs."""

    enabled: bool = False
    redisAddress: Annotated[str, Field(pattern=r"^((rediss?://)?[A-Za-z0-9._-]+:[0-9]{1,5})?$")] = ""
    password: SecretKey = SecretKey(key="password")
    namespace: str = ""


class Auth(Strict):
    """The token that Ray's ports ask for; KubeRay makes one in mode ``rayservice`` where none is named."""

    token: bool = True
    existingSecret: str = ""


class ImageVolume(Strict):
    """Checkpoints in an image (needs Kubernetes 1.33 and a runtime that mounts images)."""

    reference: str = ""
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class Checkpoints(Strict):
    """Where checkpoints are found, read-only at ``/models`` on every machine: one claim or one image, or nowhere."""

    existingClaim: str = ""
    subPath: str = ""
    image: ImageVolume = ImageVolume()


class Claim(Strict):
    """A claim that the chart makes, and keeps when it is uninstalled."""

    enabled: bool = False
    size: Memory = "100Gi"
    storageClassName: str = ""
    accessModes: list[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]] = Field(
        default=["ReadWriteMany"], min_length=1
    )


class Cache(Strict):
    """What is loaded or compiled once, at ``/cache``: of each pod's own unless a claim is named or made."""

    existingClaim: str = ""
    claim: Claim = Claim()
    sizeLimit: Memory = "50Gi"


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


class Monitor(Strict):
    """Scraping by the Prometheus Operator; ``token`` is the operators' one, where gateways ask for it."""

    enabled: bool = False
    labels: Labels = Field(default_factory=dict)
    interval: Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m)$")] = "15s"
    token: SecretKey = SecretKey()


class Labelled(Strict):
    """Objects that another program finds by their labels."""

    enabled: bool = False
    labels: Labels = Field(default_factory=dict)


class Dashboards(Strict):
    """Dashboards as ConfigMaps that Grafana's sidecar finds."""

    enabled: bool = False
    labels: Labels = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    annotations: Labels = Field(default_factory=dict)


class Monitoring(Strict):
    """What the Prometheus Operator and Grafana are given; a ``podMonitor`` or a ``serviceMonitor``, not both."""

    podMonitor: Monitor = Monitor()
    serviceMonitor: Monitor = Monitor()
    prometheusRule: Labelled = Labelled()
    dashboards: Dashboards = Dashboards()


class SmokeTest(Strict):
    """The pod of ``helm test``, which asks whether the gateways are ready."""

    enabled: bool = True


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
