"""A graph as an indented tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

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
    kind = kind_of(parse(graph[name]))
    if name in drawn:
        yield f"{indent}{why}{name} ({kind}, see above)"
        return
    drawn.add(name)
    options = {key: value for key, value in graph[name].items() if key != kind and value}
    yield f"{indent}{why}{name} ({kind}{', ' + bare(options) if options else ''})"
    for reason, to in _edges(name, graph):
        yield from _drawn(to, graph, reason, depth + 1, drawn)


def _edges(name: str, graph: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for loc, to in targets(parse(graph[name])):
        entry: Any = graph[name]
        for part in loc[:2]:
            entry = entry[part]
        when = entry.get("when") if isinstance(entry, Mapping) else None
        otherwise = "otherwise -> " if isinstance(entry, Mapping) else ""
        yield (f"when {bare(when)} -> " if when else otherwise), to


def bare(value: Mapping[str, Any]) -> str:
    """Write a mapping on one line without its braces."""
    return flow(value)[1:-1]


def flow(value: Any) -> str:
    """Write plain data on one line as YAML does."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()
