"""Names: fit for a URL, used once, and leading somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.graph.spec import cycles
from deployments.strict import nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


def misnamed(parts: Parts) -> Iterator[Problem]:
    """Find names that cannot stand in a URL, and graph nodes named like a model."""
    for section in ("models", "graph"):
        for name in parts.names(section):
            if not _NAME.fullmatch(name):
                message = (
                    f"{shown(name)} is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit first"
                )
                yield Problem(path=path_of((section, name)), message=message, value=name)
    for name in parts.names("graph"):
        if name in parts.names("models"):
            yield Problem(path=path_of(("graph", name)), message="is also the name of a model; rename one", value=name)


def dangling(parts: Parts) -> Iterator[Problem]:
    """Find names that a graph node leads to and nothing has."""
    known = {*parts.names("models"), *parts.adapters(), *parts.names("graph")}
    for node, loc, to in parts.edges:
        if to not in known:
            message = f"{shown(to)} is neither a model nor a graph node; {nearest(to, known)}"
            yield Problem(path=path_of(("graph", node, *loc)), message=message, value=to)


def unpooled(parts: Parts) -> Iterator[Problem]:
    """Find pools with a scaling policy of their own that no model is."""
    autoscale = parts.raw.get("autoscale")
    pools = autoscale.get("pools") if isinstance(autoscale, Mapping) else None
    for name in pools if isinstance(pools, Mapping) else ():
        if isinstance(name, str) and name not in parts.models and parts.sound("models", name):
            message = f"{shown(name)} is not a model that engines here serve; {nearest(name, parts.models)}"
            yield Problem(path=path_of(("autoscale", "pools", name)), message=message, value=name)


def circular(parts: Parts) -> Iterator[Problem]:
    """Find graph nodes that lead back to themselves."""
    for cycle in cycles(parts.graph):
        yield Problem(
            path=path_of(("graph", cycle[0])), message=f"leads back to itself: {' -> '.join(cycle)}", value=cycle
        )


def default_of(parts: Parts) -> str | Problem | None:
    """Return who answers requests that name no model; None when nothing can."""
    known = [*parts.names("models"), *parts.adapters(), *parts.names("graph")]
    written = parts.raw.get("default")
    if not known:
        return None
    if written is None:
        return _obvious(parts) or Problem(
            path="default", message=f"is required, since there is no 'auto' in the graph; known: {', '.join(known)}"
        )
    if not isinstance(written, str):
        return None
    if written not in known:
        message = f"{shown(written)} is neither a model nor a graph node; {nearest(written, known)}"
        return Problem(path="default", message=message, value=written)
    return written


def _obvious(parts: Parts) -> str | None:
    if "auto" in parts.names("graph"):
        return "auto"
    models = parts.names("models")
    return models[0] if len(models) == 1 else None
