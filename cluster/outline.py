"""A graph as an indented tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cluster.drawing.wording import label, options
from deployments.adapters import served_name
from deployments.graph.compile import kind_of
from deployments.graph.spec import parse, parse_graph, targets


def outline(settings: Mapping[str, Any]) -> Iterator[str]:
    """Draw the graph of a gateway's settings from the nodes that no other leads to; each node's inside once."""
    graph, drawn = settings["graph"], set[str]()
    reached = {to for spec in parse_graph(graph).values() for _, to in targets(spec)}
    for name in graph:
        if name not in reached:
            yield from _drawn(name, graph, "", 0, drawn)
    for name in settings["models"]:
        if name not in reached:
            yield f"{name} (model)"
        for adapter in settings["models"][name].get("adapters", ()):
            if served_name(name, adapter) not in reached:
                yield f"{served_name(name, adapter)} (adapter of {name})"


def _drawn(name: str, graph: Mapping[str, Any], why: str, depth: int, drawn: set[str]) -> Iterator[str]:
    indent = "  " * depth
    if name not in graph:
        yield f"{indent}{why}{name}"
        return
    spec = parse(graph[name])
    kind = kind_of(spec)
    if name in drawn:
        yield f"{indent}{why}{name} ({kind}, see above)"
        return
    drawn.add(name)
    yield f"{indent}{why}{name} ({', '.join((kind, *options(spec)))})"
    for loc, to in targets(spec):
        reason = label(spec, loc)
        yield from _drawn(to, graph, f"{reason} -> " if reason else "", depth + 1, drawn)


def flow(value: Any) -> str:
    """Write plain data on one line as YAML does."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()
