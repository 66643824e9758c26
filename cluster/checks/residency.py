"""What a tenant that stays local cannot be answered: names behind which there are only models of other servers.

That none of its requests leaves is the remote models' own care: each refuses them. Here is told what that costs, before
it is served: names that refuse everything, and names that refuse a part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.config import Config, model_names
from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.graph.kind import KindSpec
from deployments.nodes.brown_out.spec import BrownOutSpec
from deployments.nodes.cache.spec import CacheSpec
from deployments.nodes.cascade.spec import CascadeSpec
from deployments.nodes.ensemble.spec import EnsembleSpec
from deployments.nodes.fallback.kind import FallbackSpec
from deployments.nodes.guard.spec import Check, GuardSpec
from deployments.nodes.hedge.kind import HedgeSpec
from deployments.nodes.shadow.spec import ShadowSpec
from deployments.remote.spec import RemoteSpec

_SHOWN = 5

# Who answers in the end where the others refuse: what cannot be judged is the first's of an ensemble, and what cannot
# be compared is made.
_WHATEVER_OTHERS_DO: Mapping[type[KindSpec], Callable[[Any], str]] = {
    BrownOutSpec: lambda node: node.brown_out,
    CacheSpec: lambda node: node.cache,
    CascadeSpec: lambda node: node.cascade[-1].to,
    EnsembleSpec: lambda node: node.ensemble[0],
    ShadowSpec: lambda node: node.shadow,
}


@dataclass(frozen=True, slots=True)
class Residency:
    """Which names of a graph answer requests that must not reach *remotes*; every other model is of this cluster."""

    graph: Mapping[str, KindSpec]
    remotes: Collection[str]
    _away: dict[str, bool] = field(default_factory=dict)
    _sure: dict[str, bool] = field(default_factory=dict)

    def away(self, name: str) -> bool:
        """Say whether only remote models answer for *name*, so that every such request is refused."""
        if name not in self._away:
            self._away[name] = False  # what a cycle finds, of which other checks tell
            node = self.graph.get(name)
            self._away[name] = name in self.remotes if node is None else self._leaves(node)
        return self._away[name]

    def sure(self, name: str) -> bool:
        """Say whether *name* refuses no request for being remote, whichever way it takes."""
        if name not in self._sure:
            self._sure[name] = True
            node = self.graph.get(name)
            self._sure[name] = name not in self.remotes if node is None else self._stays(node)
        return self._sure[name]

    def unjudged(self, name: str) -> Iterator[str]:
        """Yield the judges of *name* that may not be asked, and without whose verdict it answers."""
        node = self.graph.get(name)
        if isinstance(node, GuardSpec):
            for judge in _judges(node, "pass"):
                if not self.sure(judge):
                    yield judge

    def _leaves(self, node: KindSpec) -> bool:
        if isinstance(node, GuardSpec) and any(map(self.away, _judges(node, "refuse", node.input))):
            return True
        return all(map(self.away, node.answering()))

    def _stays(self, node: KindSpec) -> bool:
        if isinstance(node, GuardSpec):
            return all(map(self.sure, (*node.answering(), *_judges(node, "refuse"))))
        if isinstance(node, FallbackSpec | HedgeSpec):
            return any(map(self.sure, [name for _, name in node.targets()]))
        for kind, answers in _WHATEVER_OTHERS_DO.items():
            if isinstance(node, kind):
                return self.sure(answers(node))
        return all(self.sure(name) for _, name in node.targets())


def _judges(node: GuardSpec, without_verdict: str, checks: Iterable[Check] | None = None) -> Iterator[str]:
    """Yield who judges for *node*, where a check does so *without_verdict*."""
    for check in (*node.input, *node.output) if checks is None else checks:
        if check.judge is not None and check.without_verdict == without_verdict:
            yield check.judge


def homeless(parts: Parts) -> Iterator[Problem]:
    """Find names that a tenant which stays local is allowed, and which could only refuse it."""
    residency = Residency(parts.graph, parts.remotes)
    for tenant, section in _staying(parts):
        allowed = section.get("allow")
        for at, name in enumerate(allowed if isinstance(allowed, list) else ()):
            if isinstance(name, str) and _known(parts, name) and residency.away(name):
                rule = (
                    f"{shown(name)} is answered by models of other servers alone, and {tenant} stays local; take it "
                    f"off, or allow a fallback instead that has {shown(name)} and a model of this cluster"
                )
                yield Problem(path=path_of(("tenants", tenant, "allow", at)), message=rule, value=name)
        if allowed is None and parts.raw.get("models") and not parts.models and parts.remotes:
            rule = "stays local, and there are only models of other servers; add a model of this cluster"
            yield Problem(path=path_of(("tenants", tenant, "stay_local")), message=rule, value=True)


def abroad(config: Config) -> Iterator[str]:
    """Say of each tenant that stays local which names refuse it, always or sometimes."""
    remotes = [name for name, model in config.models.items() if isinstance(model, RemoteSpec)]
    residency = Residency(config.graph, remotes)
    for tenant, spec in config.tenants.items():
        if not spec.stay_local:
            continue
        names = [*model_names(config.models), *config.graph] if spec.allow is None else list(spec.allow)
        path = path_of(("tenants", tenant))
        if away := [name for name in names if residency.away(name)]:
            yield (
                f"{path} stays local, so {_listed(away)} refuse{'s' if len(away) == 1 else ''} it everything; say in "
                "allow what it may ask for"
            )
        if some := [name for name in names if not residency.away(name) and not residency.sure(name)]:
            yield (
                f"{path} stays local, so {_listed(some)} refuse{'s' if len(some) == 1 else ''} what would go to other "
                "servers; put a fallback with a local model where that is not wanted"
            )
        for name in names:
            for judge in residency.unjudged(name):
                yield (
                    f"{path} stays local, so {name} is answered unjudged where {judge} is another server's; give that "
                    "check a judge of this cluster, or without_verdict: refuse"
                )


def _staying(parts: Parts) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    tenants = parts.raw.get("tenants")
    for name in parts.names("tenants"):
        section = tenants[name] if isinstance(tenants, Mapping) else None
        if isinstance(section, Mapping) and section.get("stay_local") is True:
            yield name, section


def _known(parts: Parts, name: str) -> bool:
    return name in parts.graph or name in parts.remotes


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
