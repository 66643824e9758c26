"""Classes that a brown-out names and that no admission puts requests in."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.nodes.admission.kind import AdmissionSpec
from deployments.nodes.brown_out.spec import BrownOutSpec
from deployments.strict import Loc, nearest


def unclassed(parts: Parts) -> Iterator[Problem]:
    """Find names of classes that no request will ever have."""
    if parts.graph.keys() != set(parts.names("graph")):  # what cannot be read may be the admission that is missed
        return
    known = {one for spec in parts.graph.values() if isinstance(spec, AdmissionSpec) for one in spec.classes}
    for name, spec in parts.graph.items():
        for loc, one in _classes(spec) if isinstance(spec, BrownOutSpec) else ():
            if one not in known:
                rule = f"is a class of no admission in the graph; {nearest(one, known)}"
                yield Problem(path=path_of(("graph", name, *loc)), message=f"{shown(one)} {rule}", value=one)


def _classes(spec: BrownOutSpec) -> Iterator[tuple[Loc, str]]:
    for at, one in enumerate(spec.keep_classes):
        yield ("keep_classes", at), one
    for at, one in enumerate(spec.cap.classes if spec.cap else ()):
        yield ("cap", "classes", at), one
