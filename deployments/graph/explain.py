"""Say which path a request would take and why, with no engine running."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from deployments.errors import UnknownModel
from deployments.graph.compile import kind_of
from deployments.graph.spec import Graph
from deployments.graph.subject import Subject
from deployments.nodes.registry import KINDS
from deployments.request import Context, Request
from deployments.strict import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node that the request would meet, and the nodes it would try from there, in order."""

    name: str
    kind: str
    why: tuple[str, ...] = ()
    tries: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The path if every first choice answers, the whole tree behind it, and what the choices were judged by."""

    path: tuple[str, ...]
    step: Step
    features: tuple[tuple[str, str], ...]


def explain(graph: Graph, default: str, models: Collection[str], request: Request, context: Context) -> Explanation:
    """Explain *request*; one that names no model goes to *default*. Raises UnknownModel for a name nothing has."""
    subject = Subject(request, context)
    step = _step(request.model or default, graph, models, subject)
    return Explanation(path=tuple(_first_choices(step)), step=step, features=_features(subject))


def render(explanation: Explanation) -> str:
    """Write an explanation as text for a terminal."""
    lines = [f"path: {' > '.join(explanation.path)}", "", *_tree(explanation.step, 0), "", "judged by:"]
    return "\n".join([*lines, *(f"  {name}: {value}" for name, value in explanation.features)])


def _step(name: str, graph: Graph, models: Collection[str], subject: Subject) -> Step:
    if name in models:
        return Step(name=name, kind="model")
    if name not in graph:
        raise UnknownModel(
            f"no model or graph node is named {name!r}; {nearest(name, {*models, *graph})}", param="model"
        )
    kind = kind_of(graph[name])
    plan = KINDS[kind].plan(graph[name], subject)
    return Step(name=name, kind=kind, why=plan.why, tries=tuple(_step(to, graph, models, subject) for to in plan.order))


def _first_choices(step: Step) -> Iterator[str]:
    yield step.name
    if step.tries:
        yield from _first_choices(step.tries[0])


def _features(subject: Subject) -> tuple[tuple[str, str], ...]:
    return (
        ("task", f"{subject.task.task} ({subject.task.explain()})"),
        ("complexity", f"{subject.complexity.score:.3f} ({subject.complexity.explain()})"),
        ("language", subject.language),
        ("prompt tokens", f"about {subject.prompt_tokens}"),
        ("has", ", ".join(sorted(subject.prompt.features)) or "neither images nor tools"),
        ("tenant", subject.context.tenant),
    )


def _tree(step: Step, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}{step.name} ({step.kind})"
    yield from (f"{indent}  - {reason}" for reason in step.why)
    for tried in step.tries:
        yield from _tree(tried, depth + 1)
