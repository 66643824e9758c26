"""A document's graph as boxes and arrows, before anybody has said where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from cluster.config import Config, ModelSpec, model_names
from cluster.drawing.wording import duration, label, options
from deployments.adapters import split_name
from deployments.graph.compile import kind_of
from deployments.graph.kind import KindSpec
from deployments.remote.spec import RemoteSpec

Group = Literal["client", "choice", "chain", "layer", "model", "remote"]

CLIENT = ""
MODELS: frozenset[Group] = frozenset({"model", "remote"})
# What a node does with a request decides its colour; a kind that is not listed lets every request through.
_GROUPS: dict[str, Group] = {
    **dict.fromkeys(("switch", "split", "canary", "brown-out"), "choice"),
    **dict.fromkeys(("fallback", "cascade", "hedge", "ensemble", "longform"), "chain"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One node, model or the client: ``kind`` is its caption, ``lines`` what else is worth knowing."""

    name: str
    title: str
    kind: str
    group: Group
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A way that requests go; one that is not ``answering`` leads to a helper whose answers no client gets."""

    start: str
    end: str
    label: str = ""
    answering: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Everything to be drawn, nodes in the document's order."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def diagram(config: Config) -> Diagram:
    """Return the diagram of a sound document; an adapter that no node leads to is told in its model's box."""
    led_to = {name for spec in config.graph.values() for _, name in spec.targets()} | {str(config.default)}
    client = Box(name=CLIENT, title="clients", kind="no model named", group="client")
    nodes = (_node(name, spec) for name, spec in config.graph.items())
    models = (
        _model(name, config.models[split_name(name)[0]])
        for name in model_names(config.models)
        if name in config.models or name in led_to
    )
    first = Arrow(start=CLIENT, end=str(config.default))
    arrows = (arrow for name, spec in config.graph.items() for arrow in _arrows(name, spec))
    return Diagram(boxes=(client, *nodes, *models), arrows=(first, *arrows))


def _node(name: str, spec: KindSpec) -> Box:
    kind = kind_of(spec)
    return Box(name=name, title=name, kind=kind, group=_GROUPS.get(kind, "layer"), lines=tuple(options(spec)))


def _arrows(name: str, spec: KindSpec) -> Iterator[Arrow]:
    """Yield one arrow for each way, in the section's order; two that say the same are one."""
    answering = set(spec.answering())
    yield from dict.fromkeys(
        Arrow(start=name, end=target, label=label(spec, loc), answering=target in answering)
        for loc, target in spec.targets()
    )


def _model(name: str, model: ModelSpec | RemoteSpec) -> Box:
    if isinstance(model, RemoteSpec):
        host = urlsplit(model.url).hostname or model.url
        redacted = () if model.redact is None else (f"redact: {model.redact.action}",)
        lines = (model.model, f"at {host}", *redacted)
        return Box(name=name, title=name, kind="remote model", group="remote", lines=lines)
    adapter = split_name(name)[1]
    if adapter:
        return Box(name=name, title=name, kind="adapter", group="model", lines=(f"of {split_name(name)[0]}",))
    return Box(name=name, title=name, kind=f"{model.family} pool", group="model", lines=tuple(_facts(model)))


def _facts(model: ModelSpec) -> Iterator[str]:
    yield model.source
    low, high = model.replicas.min, model.replicas.max
    yield f"{low} replica{'s' * (low != 1)}" if low == high else f"{low} to {high} replicas"
    goals = [("TTFT", model.slo.ttft_p95), ("TPOT", model.slo.tpot_p95)]
    told = [f"{name} {duration(limit)}" for name, limit in goals if limit is not None]
    if told:
        yield f"p95: {', '.join(told)}"
    if model.adapters:
        yield f"adapters {', '.join(model.adapters)}"
