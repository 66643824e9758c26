"""What the pods of each part are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cluster.rendering.chart.kinds import Labels, Memory, Open, Text, WholeCores
from deployments.strict import Strict


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
    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    minReplicas: Annotated[int, Field(ge=0, le=1000)] = 0
    maxReplicas: Annotated[int, Field(ge=1, le=1000)] = 1
    idleTimeoutSeconds: Annotated[int, Field(ge=1)] | None = None
    terminationGracePeriodSeconds: Annotated[int, Field(ge=30)] | None = None
    gpuResource: Text = "nvidia.com/gpu"
    pools: list[Text] = Field(default_factory=list)
