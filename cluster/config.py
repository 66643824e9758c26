"""The one schema: what a Tercet YAML file may say.

Cross-field rules (names that exist, cycles, bounds) are in ``resolve``; here is the shape, with every default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from autoscale.spec import AutoscaleSpec
from deployments.adapters import ALL, served_name
from deployments.answers.settings import AnswersSettings
from deployments.audit.settings import AuditSettings
from deployments.cost.settings import CostSettings
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.admin_settings import AdminSettings
from deployments.graph.spec import NodeSpec
from deployments.media import Host, MediaSpec
from deployments.objectives.spec import ObjectivesSpec
from deployments.quantities import Bytes, Seconds
from deployments.remote.spec import Price, RemoteSpec
from deployments.scheduling.targets import Late
from deployments.telemetry.settings import TelemetrySettings
from deployments.tenancy.spec import AccessSpec, TenantSpec


class Strict(BaseModel):
    """A section that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# More than any fleet, so that a slip of the pen is caught before it is counted out replica by replica.
Count = Annotated[int, Field(strict=True, ge=0, le=10_000)]


class Replicas(Strict):
    """How many copies of an engine may run."""

    min: Count = 1
    max: Count = 1
    initial: Count | None = None


class Slo(Strict):
    """Latency that the pool promises; the autoscaler and the status page judge by it.

    Its engines take requests first whose first token can still come in time, and as much of prompts into a step as lets
    the others' tokens come in time; with ``late: in_turn`` all go in turn, as fast as the engine can.
    """

    ttft_p95: Seconds | None = Field(default=None, gt=0)
    tpot_p95: Seconds | None = Field(default=None, gt=0)
    late: Late = "behind"


class Resources(Strict):
    """What one replica takes; GPUs follow from the engine's parallel sizes unless given."""

    cpus: float | None = Field(default=None, gt=0)
    gpus: float | None = Field(default=None, ge=0)
    memory: Bytes | None = None


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class ModelSpec(Strict):
    """One pool of identical engines.

    Where hardware is scarce the pool of the higher ``priority`` gets it. The pool ``stands_in_for`` others while their
    capacity is late. ``cost_per_hour`` is one replica's, in the currency of the section ``cost``; ``price`` is what its
    tokens are sold for.
    ``profile`` is a file that ``tercet profile`` wrote, relative to the document.
    """

    family: Literal["dense", "moe", "distilled", "pooling"]
    source: str = Field(min_length=1)
    runtime: Literal["vllm", "synthetic"] = "vllm"
    engine: dict[str, Any] = Field(default_factory=dict)
    adapters: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    media: MediaSpec = MediaSpec()
    synthetic: SyntheticSpec = SyntheticSpec()
    replicas: Replicas = Replicas()
    resources: Resources = Resources()
    slo: Slo = Slo()
    priority: int = Field(default=0, ge=-1000, le=1000, strict=True)
    stands_in_for: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_list)] = ()
    cost_per_hour: float | None = Field(default=None, gt=0, le=1e9)
    price: Price | None = None
    profile: str | None = Field(default=None, min_length=1, max_length=4096)
    max_waiting: Count = 64
    drain: Seconds = 900.0
    failover: bool = True


def model_section(value: Any) -> ModelSpec | RemoteSpec:
    """Read a model's section as its family has it: a pool, or a model that another server answers for."""
    if isinstance(value, ModelSpec | RemoteSpec):
        return value
    remote = isinstance(value, Mapping) and value.get("family") == "remote"
    return (RemoteSpec if remote else ModelSpec).model_validate(value)


AnyModel = Annotated[
    ModelSpec | RemoteSpec, PlainValidator(model_section, json_schema_input_type=ModelSpec | RemoteSpec)
]


class GatewaySpec(Strict):
    """The HTTP front."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535, strict=True)
    replicas: int = Field(default=1, ge=1, le=1_000, strict=True)
    max_body: Bytes = 8 * 2**20
    request_timeout: Seconds = Field(default=600.0, gt=0)
    admin: AdminSettings = AdminSettings()
    remote_hosts: tuple[Host, ...] = ()


class Config(Strict):
    """A whole Tercet document."""

    models: dict[str, AnyModel] = Field(min_length=1)
    graph: dict[str, NodeSpec] = Field(default_factory=dict)
    default: str | None = None
    gateway: GatewaySpec = GatewaySpec()
    autoscale: AutoscaleSpec = AutoscaleSpec()
    cache: AnswersSettings = AnswersSettings()
    audit: AuditSettings = AuditSettings()
    cost: CostSettings = CostSettings()
    objectives: ObjectivesSpec = ObjectivesSpec()
    telemetry: TelemetrySettings = TelemetrySettings()
    access: AccessSpec | None = None
    tenants: dict[str, TenantSpec] = Field(default_factory=dict)

    def pools(self) -> dict[str, ModelSpec]:
        """Return the models that this cluster runs engines for."""
        return {name: model for name, model in self.models.items() if isinstance(model, ModelSpec)}


def model_names(models: Mapping[str, ModelSpec | RemoteSpec]) -> list[str]:
    """Return every name of a model that clients and graph nodes may use, adapters included."""
    adapters = {name: model.adapters if isinstance(model, ModelSpec) else {} for name, model in models.items()}
    return [served_name(name, adapter) for name, named in adapters.items() for adapter in ("", *named)]


def grantable(config: Config) -> list[str]:
    """Return what a key may name under models: each model, each adapter, and a model with all that it ever has."""
    return [*model_names(config.models), *(served_name(pool, ALL) for pool in config.pools())]


def known_keys(loc: Sequence[str | int]) -> list[str]:
    """Return the keys that the section at *loc* may have; none where any key may stand."""
    section: Any = Config
    for part in loc:
        section = _below(section, part)
    return list(section.model_fields) if _is_section(section) else []


def _below(section: Any, part: str | int) -> Any:
    if _is_section(section):
        return section.model_fields[part].annotation
    return next(_sections_in(section), None)


def _sections_in(annotation: Any) -> Iterator[Any]:
    for inner in get_args(annotation):
        yield from [inner] if _is_section(inner) else _sections_in(inner)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
