"""The parts of a document that can be read although others cannot, so that one mistake does not hide the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cluster.config import Config, ModelSpec, model_section
from cluster.problems import Loc, Problem, problem_of
from cluster.stand_ins import with_stand_ins
from deployments.adapters import served_name
from deployments.graph.kind import KindSpec
from deployments.graph.spec import parse, targets
from deployments.nodes.registry import KINDS
from deployments.remote.spec import RemoteSpec

_UNREADABLE = (ValidationError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Models and graph nodes that make sense on their own, and where the document did not.

    ``models`` are those that engines of this cluster serve, ``remotes`` the others.
    ``edges`` are all names that graph nodes lead to, broken nodes included: the node, the place in it, the name.
    """

    raw: Mapping[str, Any]
    models: Mapping[str, ModelSpec] = field(default_factory=dict)
    remotes: Mapping[str, RemoteSpec] = field(default_factory=dict)
    graph: Mapping[str, KindSpec] = field(default_factory=dict)
    edges: tuple[tuple[str, Loc, str], ...] = ()
    broken: frozenset[Loc] = frozenset()

    def names(self, section: str) -> list[str]:
        """Return every name written under *section*, readable or not."""
        return [name for name in mapping(self.raw.get(section)) if isinstance(name, str)]

    def adapters(self) -> list[str]:
        """Return the model name of every adapter that is written under a model, readable or not."""
        written = ((name, mapping(model).get("adapters")) for name, model in _named(self.raw, "models"))
        return [served_name(name, one) for name, named in written for one in mapping(named) if isinstance(one, str)]

    def sound(self, *loc: str | int) -> bool:
        """Say whether what stands at *loc* is what its author wrote, not a default in the place of a mistake."""
        return not any(loc[: len(bad)] == bad or bad[: len(loc)] == loc for bad in self.broken)


def read(raw: Mapping[str, Any]) -> tuple[Config | None, Parts, list[Problem]]:
    """Return the config if it is all right, its readable parts in any case, and the schema's complaints."""
    raw = with_stand_ins(raw)
    try:
        config = Config.model_validate(dict(raw))
    except ValidationError as error:
        lines = error.errors(include_url=False)
        return None, _parts(raw, frozenset(line["loc"] for line in lines)), [problem_of(line) for line in lines]
    except RecursionError:
        return (
            None,
            Parts(raw=raw),
            [Problem(path="", message="the document is nested too deeply, or refers to itself")],
        )
    return config, _parts(raw, frozenset()), []


def _parts(raw: Mapping[str, Any], broken: frozenset[Loc]) -> Parts:
    mended = _without(raw, broken)
    known = {name: spec for name, value in _named(mended, "models") if (spec := _model(value)) is not None}
    models = {name: spec for name, spec in known.items() if isinstance(spec, ModelSpec)}
    remotes = {name: spec for name, spec in known.items() if isinstance(spec, RemoteSpec)}
    graph = {name: node for name, value in _named(raw, "graph") if (node := _node(value)) is not None}
    edges = tuple(
        (name, loc, to)
        for name, value in _named(raw, "graph")
        for loc, to in (targets(graph[name]) if name in graph else _written_targets(value))
    )
    return Parts(raw=raw, models=models, remotes=remotes, graph=graph, edges=edges, broken=broken)


def _without(raw: Mapping[str, Any], broken: frozenset[Loc]) -> Mapping[str, Any]:
    """Return the document without the broken values of its models."""
    mended = deepcopy({"models": raw.get("models")})
    for loc in broken:
        section: Any = mended
        for key in loc[:-1]:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict) and loc:
            section.pop(loc[-1], None)
    return mended


def _model(value: Any) -> ModelSpec | RemoteSpec | None:
    try:
        return model_section(value)
    except _UNREADABLE:
        return None


def _node(value: Any) -> KindSpec | None:
    try:
        return parse(value)
    except _UNREADABLE:
        return None


def _written_targets(node: Any) -> Iterator[tuple[Loc, str]]:
    """Yield what looks like a target in a node that cannot be read: a listed name, or a ``to``."""
    written = mapping(node)
    # Beside the kind, lists are options; where no kind is known it may be any of them.
    for kind in [key for key in written if key in KINDS] or written:
        entries = written[kind]
        for at, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, str):
                yield (kind, at), entry
            elif isinstance(to := mapping(entry).get("to"), str):
                yield (kind, at, "to"), to


def _named(raw: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in mapping(raw.get(section)).items() if isinstance(name, str))


def mapping(value: Any) -> Mapping[Any, Any]:
    """Return *value* where it is a section of names, an empty one where it is anything else."""
    return value if isinstance(value, Mapping) else {}
