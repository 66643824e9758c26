"""Say which path a request would take and why, with no engine running."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

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
    """The path if every first choice answers, the whole tree behind it, and what the choices were judged by.

    ``prompt_tokens`` is an estimate.
    """

    path: tuple[str, ...]
    step: Step
    features: tuple[tuple[str, str], ...]
    prompt_tokens: int


def explain(
    graph: Graph,
    default: str,
    models: Collection[str],
    request: Request,
    context: Context,
    *,
    remarks: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain *request*; one that names no model goes to *default*. Raises UnknownModel for a name nothing has.

    *remarks* are what there is to say of single models.
    """
    subject = Subject(request, context)
    features = _features(subject)  # worked out before the nodes ask, so that it is once
    step = _Steps(graph, models, subject, remarks or {}).of(request.model or default)
    return Explanation(
        path=tuple(_first_choices(step)), step=step, features=features, prompt_tokens=subject.prompt_tokens
    )


def render(explanation: Explanation) -> str:
    """Write an explanation as text for a terminal."""
    lines = [f"path: {' > '.join(explanation.path)}", "", *_tree(explanation.step, 0, set()), "", "judged by:"]
    return "\n".join([*lines, *(f"  {name}: {value}" for name, value in explanation.features)])


@dataclass(slots=True)
class _Steps:
    """Explains each node once: paths that part and meet again would otherwise double the work at every meeting."""

    graph: Graph
    models: Collection[str]
    subject: Subject
    remarks: Mapping[str, str]
    known: dict[str, Step] = field(default_factory=dict)

    def of(self, name: str) -> Step:
        if name not in self.known:
            self.known[name] = self._model(name) if name in self.models else self._node(name)
        return self.known[name]

    def _model(self, name: str) -> Step:
        return Step(name=name, kind="model", why=(self.remarks[name],) if name in self.remarks else ())

    def _node(self, name: str) -> Step:
        if name not in self.graph:
            known = {*self.models, *self.graph}
            raise UnknownModel(f"no model or graph node is named {name!r}; {nearest(name, known)}", param="model")
        kind = kind_of(self.graph[name])
        plan = KINDS[kind].plan(self.graph[name], self.subject.at(name))
        return Step(name=name, kind=kind, why=plan.why, tries=tuple(self.of(to) for to in plan.order))


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


def _tree(step: Step, depth: int, shown: set[str]) -> Iterator[str]:
    indent = "  " * depth
    if step.tries and step.name in shown:
        yield f"{indent}{step.name} ({step.kind}, see above)"
        return
    shown.add(step.name)
    yield f"{indent}{step.name} ({step.kind})"
    yield from (f"{indent}  - {reason}" for reason in step.why)
    for tried in step.tries:
        yield from _tree(tried, depth + 1, shown)
