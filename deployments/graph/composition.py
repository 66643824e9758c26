"""What every name of a graph gives, and which nodes need what their targets do not give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployments.adapters import split_name
from deployments.graph.capability import NOTHING, Capabilities, Capability, Need
from deployments.graph.kind import KindSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A need of *node* that its target does not meet, and the way from that target to whoever is the cause."""

    node: str
    need: Need
    way: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """A graph over models that are known by what they give.

    A name that nothing has, or that leads back to itself, gives nothing and is nobody's shortfall: other checks tell.
    """

    models: Mapping[str, Capabilities]
    graph: Mapping[str, KindSpec]
    _known: dict[str, Capabilities] = field(default_factory=dict)
    _whole: dict[str, bool] = field(default_factory=dict)

    def gives(self, name: str) -> Capabilities:
        """Return what *name* gives; an adapter gives what its model does."""
        above, entered = [name], set[str]()
        while above:
            top = above[-1]
            below = () if top in entered or top not in self.graph else self.graph[top].targets()
            unknown = [to for _, to in below if to not in self._known]
            entered.add(top)
            if unknown:
                above.extend(unknown)
                continue
            if top not in self._known:
                self._known[top] = self._worked_out(top)
            above.pop()
        return self._known[name]

    def shortfalls(self) -> Iterator[Shortfall]:
        """Yield every need that is not met."""
        for name, spec in self.graph.items():
            for need in spec.needs():
                if self._is_whole(need.target) and need.what not in self.gives(need.target):
                    yield Shortfall(node=name, need=need, way=self._way(need.target, need.what))

    def _worked_out(self, name: str) -> Capabilities:
        if name in self.graph:
            return self.graph[name].gives(lambda to: self._known.get(to, NOTHING))  # a cycle finds nothing
        return self.models.get(split_name(name)[0], NOTHING)

    def _way(self, name: str, what: Capability) -> tuple[str, ...]:
        """Return the names from *name* down to the first that lacks *what* by itself and not through a target."""
        below = self.graph[name].answering() if name in self.graph else []
        lacking = next((to for to in below if what not in self.gives(to)), None)
        return (name,) if lacking is None else (name, *self._way(lacking, what))

    def _is_whole(self, name: str) -> bool:
        """Say whether everything that *name* leads to exists, with no cycle on the way."""
        if name not in self.graph:
            return split_name(name)[0] in self.models
        if name not in self._whole:
            self._whole[name] = False  # what a cycle finds
            self._whole[name] = all(self._is_whole(to) for _, to in self.graph[name].targets())
        return self._whole[name]
