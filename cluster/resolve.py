"""From a document to a plan: every default filled in and every rule checked, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoscale.capacity.profile import EngineProfile
from cluster.checks.adapters import misfit
from cluster.checks.budgets import uncounted
from cluster.checks.classes import unclassed
from cluster.checks.composition import unmet
from cluster.checks.drain import too_short
from cluster.checks.engine import ill_equipped
from cluster.checks.exposure import exposed
from cluster.checks.goals import unasked
from cluster.checks.hedges import futile
from cluster.checks.names import circular, dangling, default_of, misnamed, unpooled
from cluster.checks.people import sent_away
from cluster.checks.prefix_groups import lonely
from cluster.checks.profiles import misprofiled, profiles_of, unprofiled
from cluster.checks.quantized import unaccelerated
from cluster.checks.reach import unreachable
from cluster.checks.remote import meeting, uncallable
from cluster.checks.replicas import contradictory
from cluster.checks.residency import abroad, homeless
from cluster.checks.source import Look, look_here, sourceless
from cluster.checks.stand_ins import misplaced, unheeded, unpriced
from cluster.checks.tenants import unruly
from cluster.checks.work import mixed
from cluster.config import Config, ModelSpec
from cluster.document import load
from cluster.drawing.handed import handed
from cluster.model_version import version_of
from cluster.parts import Parts, read
from cluster.placement import bundles, strategy
from cluster.plan import GatewayPlan, Machine, Plan, PoolPlan
from cluster.pools import Layout, lay_out
from cluster.problems import Problem, path_of
from cluster.sizing import arguments_of, device_of, holds_adapters
from cluster.stand_ins import stand_ins
from deployments.graph.spec import dump
from deployments.remote.spec import RemoteSpec, is_loopback
from deployments.scheduling.targets import targets_of


def resolve_file(path: Path, nodes: Sequence[Machine]) -> Plan | list[Problem]:
    """Read and resolve the document in a file."""
    document, found = load(path)
    return list(found) if found and not document else resolve(document, nodes, found=found, folder=path.parent)


def resolve(
    document: Mapping[str, Any],
    nodes: Sequence[Machine],
    *,
    found: Iterable[Problem] = (),
    look: Look = look_here,
    folder: Path = Path(),
) -> Plan | list[Problem]:
    """Plan *document* for the machines *nodes*, or return all that is wrong with it, *found* before included.

    Files that the document names by a relative path are looked for in *folder*.
    """
    config, parts, problems = examine(document, nodes, found=found, look=look, folder=folder)
    layout = lay_out(_placeable(parts, nodes), nodes)
    problems.extend(layout.problems)
    if config is None or problems:
        return in_order(problems, document)
    return _plan(config, layout, nodes, profiles_of(config.pools(), folder))


def examine(
    document: Mapping[str, Any],
    nodes: Sequence[Machine],
    *,
    found: Iterable[Problem] = (),
    look: Look = look_here,
    folder: Path = Path(),
) -> tuple[Config | None, Parts, list[Problem]]:
    """Return the config with its default filled in, its readable parts, and what is wrong apart from room."""
    config, parts, complaints = read(document)
    problems = [*found, *complaints, *_contradictions(parts, nodes, look), *unprofiled(parts.models, folder)]
    if config is not None:
        problems.extend(too_short(parts, config.gateway.request_timeout))
        problems.extend(unasked(config))
        problems.extend(unpriced(parts, ceiling=config.autoscale.cost_ceiling_per_hour))
    default = default_of(parts)
    if isinstance(default, Problem):
        return None, parts, [*problems, default]
    return config and config.model_copy(update={"default": default}), parts, problems


def _contradictions(parts: Parts, nodes: Sequence[Machine], look: Look) -> Iterator[Problem]:
    yield from misnamed(parts)
    yield from contradictory(parts)
    yield from sourceless(parts, look)
    yield from ill_equipped(parts, nodes)
    yield from misfit(parts, nodes)
    yield from dangling(parts)
    yield from unpooled(parts)
    yield from circular(parts)
    yield from mixed(parts)
    yield from unmet(parts)
    yield from uncallable(parts)
    yield from sent_away(parts)
    yield from misplaced(parts)
    yield from unclassed(parts)
    yield from unruly(parts)
    yield from exposed(parts)
    yield from uncounted(parts)
    yield from homeless(parts)


def _placeable(parts: Parts, nodes: Sequence[Machine]) -> dict[str, ModelSpec]:
    """Return the models whose sizes are all right, so that a slip elsewhere is not reported as a lack of machines."""
    wrong = [problem.path for problem in (*contradictory(parts), *ill_equipped(parts, nodes))]
    return {
        name: model
        for name, model in parts.models.items()
        if not any(path.startswith(f"{path_of(('models', name))}.") for path in wrong)
        and parts.sound("models", name, "resources")
        and parts.sound("models", name, "replicas")
    }


def in_order(problems: Iterable[Problem], document: Mapping[str, Any]) -> list[Problem]:
    """Return the problems without repetition, section by section as in the document."""
    sections = [str(section) for section in document]

    def place(problem: Problem) -> tuple[int, str]:
        section = problem.path.split(".")[0].split("[")[0]
        return (sections.index(section) if section in sections else len(sections), problem.path)

    unique = {(problem.path, problem.message): problem for problem in problems}
    return sorted(unique.values(), key=place)


def _plan(config: Config, layout: Layout, nodes: Sequence[Machine], profiles: Mapping[str, EngineProfile]) -> Plan:
    return Plan(
        pools=tuple(
            replace(_pool(name, model, layout, nodes, config), profile=profiles.get(name))
            for name, model in config.pools().items()
        ),
        gateway=_gateway(config, layout),
        autoscale=config.autoscale.model_dump(mode="json"),
        costs=config.cost.model_dump(mode="json"),
        notes=(
            *layout.notes,
            *unreachable(config.graph),
            *futile(config.graph, config.pools()),
            *unheeded(config.pools(), config.graph),
            *unaccelerated(config.pools(), nodes),
            *misprofiled(config.pools(), profiles, nodes),
            *abroad(config),
            *meeting(config),
            *lonely(config.tenants),
        ),
    )


def _pool(name: str, model: ModelSpec, layout: Layout, nodes: Sequence[Machine], config: Config) -> PoolPlan:
    shape, bounds = layout.shapes[name], model.replicas
    arguments = arguments_of(model, device_of(model, nodes))
    return PoolPlan(
        name=name,
        family=model.family,
        source=model.source,
        runtime=model.runtime,
        engine=arguments,
        media=model.media.model_dump(mode="json"),
        adapters=dict(model.adapters),
        synthetic=model.synthetic.model_dump(mode="json") if model.runtime == "synthetic" else {},
        min_replicas=bounds.min,
        max_replicas=bounds.max,
        initial_replicas=bounds.min if bounds.initial is None else bounds.initial,
        bundles=bundles(shape),
        strategy=strategy(shape, nodes),
        cpus=shape.cpus,
        gpus=shape.gpus,
        memory=shape.memory,
        pinned_cores=int(shape.cpus) if name in layout.pinned else None,
        slots=model.synthetic.slots if model.runtime == "synthetic" else int(arguments["max_num_seqs"]),
        max_waiting=model.max_waiting,
        drain_s=model.drain,
        ttft_p95_s=model.slo.ttft_p95,
        tpot_p95_s=model.slo.tpot_p95,
        late=model.slo.late,
        targets=targets_of(model.slo.ttft_p95, model.slo.tpot_p95, model.slo.late).plain(),
        failover=model.failover,
        priority=model.priority,
        stand_ins=stand_ins(name, config.pools(), config.graph),
        cost_per_hour=model.cost_per_hour,
    )


def _gateway(config: Config, layout: Layout) -> GatewayPlan:
    gateway = config.gateway
    return GatewayPlan(
        host=gateway.host,
        port=gateway.port,
        replicas=gateway.replicas,
        settings={
            "models": {name: _entry(name, model, layout) for name, model in config.models.items()},
            "graph": {name: dump(node) for name, node in config.graph.items()},
            "default": config.default,
            "loopback": is_loopback(gateway.host),
            "max_body": gateway.max_body,
            "request_timeout": gateway.request_timeout,
            "admin": gateway.admin.model_dump(mode="json"),
            "remote_hosts": list(gateway.remote_hosts),
            "cache": config.cache.model_dump(mode="json", exclude_unset=True),
            "audit": config.audit.model_dump(mode="json", exclude_unset=True),
            "objectives": config.objectives.model_dump(mode="json", exclude_unset=True),
            "telemetry": config.telemetry.model_dump(mode="json", exclude_unset=True),
            "currency": config.cost.currency,
            "access": None if config.access is None else config.access.model_dump(mode="json", exclude_unset=True),
            "tenants": {name: one.model_dump(mode="json", exclude_unset=True) for name, one in config.tenants.items()},
            "drawing": handed(config),
        },
    )


def _entry(name: str, model: ModelSpec | RemoteSpec, layout: Layout) -> dict[str, Any]:
    """Return what gateways are told of a model."""
    media = model.media.model_dump(mode="json")
    if isinstance(model, RemoteSpec):
        return {"family": model.family, "media": media, "remote": model.model_dump(mode="json", exclude_none=True)}
    return {
        "family": model.family,
        "source": model.source,
        "version": version_of(model),
        "min_replicas": model.replicas.min,
        "media": media,
        "adapters": list(model.adapters),
        "lora": holds_adapters(model),
        "failover": model.failover,
        "gpus": layout.shapes[name].gpus,
        "cpus": layout.shapes[name].cpus,
        "cost_per_hour": model.cost_per_hour,
        "price": None if model.price is None else model.price.model_dump(mode="json"),
    }
