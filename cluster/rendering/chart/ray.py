"""How Ray runs, and where checkpoints and caches are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cluster.rendering.chart.kinds import Memory, Open, SecretKey
from deployments.strict import Strict


class Autoscaler(Strict):
    """Ray's own autoscaler (v2), which asks KubeRay for machines; only in mode ``rayservice``."""

    enabled: bool = True
    idleTimeoutSeconds: Annotated[int, Field(ge=1)] = 300
    upscalingMode: Literal["Default", "Aggressive", "Conservative"] = "Default"
    resources: Open = Field(default_factory=dict)


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
