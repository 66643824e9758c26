"""What a gateway is told: the part of a Tercet document that changes without restarting an engine."""

from __future__ import annotations

import json
from typing import Self

from pydantic import Field, model_validator

from deployments.adapters import served_name, split_name
from deployments.answers.settings import AnswersSettings
from deployments.audit.settings import AuditSettings
from deployments.gateway.admin_settings import AdminSettings
from deployments.graph.spec import NodeSpec, cycles
from deployments.media import Host, MediaSpec
from deployments.objectives.spec import ObjectivesSpec
from deployments.page.drawing import Drawing
from deployments.quantities import Bytes, Seconds
from deployments.remote.spec import Price, RemoteSpec, refusal
from deployments.strict import Strict, nearest
from deployments.telemetry.settings import TelemetrySettings
from deployments.tenancy.spec import AccessSpec, TenantSpec


class ModelEntry(Strict):
    """One model as the gateway knows it; ``lora`` says whether its engines can hold adapters.

    ``source`` is the checkpoint and ``version`` what it was loaded with, by which the gateway knows that a model has
    become another under the same name.
    With ``remote`` another server answers, and there is no pool. One replica takes ``gpus`` and ``cpus`` and costs
    ``cost_per_hour``; ``price`` is what tokens of the pool are sold for.
    """

    family: str
    source: str = ""
    version: str = ""
    min_replicas: int = Field(default=1, ge=0)
    media: MediaSpec = MediaSpec()
    adapters: tuple[str, ...] = ()
    lora: bool = False
    failover: bool = True
    remote: RemoteSpec | None = None
    gpus: float = Field(default=0.0, ge=0)
    cpus: float = Field(default=0.0, ge=0)
    cost_per_hour: float | None = Field(default=None, gt=0)
    price: Price | None = None


class GatewaySettings(Strict):
    """One consistent set of names and limits.

    ``default`` answers requests that name no model. A ``draining`` gateway finishes what runs and refuses the rest. No
    other machine reaches one that is on ``loopback``.
    ``drawing`` is how the graph is drawn, None where nobody has laid it out.
    ``max_body`` is in bytes, ``request_timeout`` in seconds, ``currency`` that of every pool's ``cost_per_hour``.
    """

    models: dict[str, ModelEntry] = Field(min_length=1)
    graph: dict[str, NodeSpec] = Field(default_factory=dict)
    default: str
    draining: bool = False
    loopback: bool = True
    max_body: Bytes = 8 * 2**20
    request_timeout: Seconds = Field(default=600.0, gt=0)
    admin: AdminSettings = AdminSettings()
    remote_hosts: tuple[Host, ...] = ()
    cache: AnswersSettings = AnswersSettings()
    audit: AuditSettings = AuditSettings()
    objectives: ObjectivesSpec = ObjectivesSpec()
    telemetry: TelemetrySettings = TelemetrySettings()
    currency: str = Field(default="usd", pattern=r"^[a-z]{3}$")
    access: AccessSpec | None = None
    tenants: dict[str, TenantSpec] = Field(default_factory=dict)
    drawing: Drawing | None = None

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        known = {*self.model_names(), *self.graph}
        for name, spec in self.graph.items():
            if name in self.models:
                raise ValueError(f"graph.{name}: is also the name of a model")
            for loc, target in spec.targets():
                if target not in known:
                    place = ".".join(map(str, ("graph", name, *loc)))
                    raise ValueError(f"{place}: no model or graph node is named {target!r}; {nearest(target, known)}")
        for cycle in cycles(self.graph):
            raise ValueError(f"graph: {' -> '.join(cycle)} is a cycle")
        if self.default not in known:
            raise ValueError(
                f"default: no model or graph node is named {self.default!r}; {nearest(self.default, known)}"
            )
        return self

    @model_validator(mode="after")
    def _hosts_allowed(self) -> Self:
        for name, spec in self.remotes().items():
            if (reason := refusal(spec.url, self.remote_hosts)) is not None:
                raise ValueError(f"models.{name}.url: {reason}")
        return self

    def remotes(self) -> dict[str, RemoteSpec]:
        """Return the models that other servers answer for."""
        return {name: model.remote for name, model in self.models.items() if model.remote is not None}

    def identity(self, name: str) -> str:
        """Return what changes when *name*, a model or a graph node, becomes or leads to another."""
        found: dict[str, object] = {}
        left = [name]
        while left:
            here = left.pop()
            if here in self.graph and here not in found:
                found[here] = self.graph[here].model_dump(mode="json", by_alias=True)
                left += [target for _, target in self.graph[here].targets()]
            elif here not in found:
                found[here] = self._checkpoint(split_name(here)[0])
        return json.dumps(found, sort_keys=True)

    def loaded(self, name: str) -> str:
        """Return what a model was loaded with, its checkpoint first; "" where there is no such model any more."""
        pool = split_name(name)[0]
        return " ".join(filter(None, self._checkpoint(pool))) if pool in self.models else ""

    def _checkpoint(self, pool: str) -> list[str]:
        model = self.models[pool]
        return [model.source, model.version] if model.remote is None else [model.remote.url, model.remote.model]

    def model_names(self) -> list[str]:
        """Return the models and, behind each, the adapters that its configuration declares."""
        return [served_name(name, adapter) for name, model in self.models.items() for adapter in ("", *model.adapters)]
