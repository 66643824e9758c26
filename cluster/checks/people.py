"""Redactions that would send the texts of requests to whoever they ask for people's names."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.adapters import split_name
from deployments.nodes.redact.spec import RedactSpec


def sent_away(parts: Parts) -> Iterator[Problem]:
    """Find redactions that ask anyone but a pool of this cluster for names: the texts have everything in them yet."""
    for node, spec in parts.graph.items():
        if not isinstance(spec, RedactSpec) or spec.names is None:
            continue
        model = spec.names.model
        if (pool := split_name(model)[0]) in parts.remotes or pool in parts.graph:
            what = "another server's" if pool in parts.remotes else "a graph node, which may lead anywhere"
            message = f"{shown(model)} is {what}; name a pool of this cluster: texts with names in them stay here"
            yield Problem(path=path_of(("graph", node, "names", "model")), message=message, value=model)
