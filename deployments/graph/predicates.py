"""The conditions of a switch's case, each a pure function of what is wanted and the request it is asked about.

A new condition is a field of ``When`` and one entry of ``PREDICATES``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from deployments.graph.subject import Subject
from deployments.graph.tier import tier_of
from deployments.graph.when import Counts, Scores, When
from deployments.hours import Hours, TimeOfDay, in_hours, in_time_of_day, local_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one condition holds, and the value that it was judged by."""

    name: str
    holds: bool
    seen: str


Predicate = Callable[[Any, Subject], tuple[bool, Any]]


def within(wanted: Scores | Counts, value: float) -> bool:
    """Tell whether *value* lies in the half-open range."""
    at_least = wanted.at_least if wanted.at_least is not None else value
    return at_least <= value and (wanted.below is None or value < wanted.below)


def _task(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.task.task in wanted, subject.task.task


def _score(wanted: Mapping[str, Scores], subject: Subject) -> tuple[bool, Any]:
    labels = subject.labels
    scores = {label: labels.scores.get(label) for label in wanted}
    seen = ", ".join(f"{label} {'unknown' if score is None else f'{score:.2f}'}" for label, score in scores.items())
    held = all(score is not None and within(wanted[label], score) for label, score in scores.items())
    return held, f"{seen} by {labels.by}"


def _complexity(wanted: Scores, subject: Subject) -> tuple[bool, Any]:
    return within(wanted, subject.complexity.score), f"{subject.complexity.score:.3f}"


def _prompt_tokens(wanted: Counts, subject: Subject) -> tuple[bool, Any]:
    return within(wanted, subject.prompt_tokens), f"about {subject.prompt_tokens}"


def _language(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.language in wanted, subject.language


def _has(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    present = subject.prompt.features
    return present.issuperset(wanted), ", ".join(sorted(present)) or "neither images nor tools"


def _tier(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    tier = tier_of(subject.request, subject.context)
    return tier in wanted, tier


def _tenant(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.context.tenant in wanted, subject.context.tenant


def _header(wanted: Mapping[str, tuple[str, ...]], subject: Subject) -> tuple[bool, Any]:
    sent = {name: subject.context.headers.get(name) for name in wanted}
    return all(sent[name] in values for name, values in wanted.items()), sent


def _time_of_day(wanted: TimeOfDay, subject: Subject) -> tuple[bool, Any]:
    now = subject.context.now
    return in_time_of_day(wanted, now), f"{now.astimezone(ZoneInfo(wanted.timezone)):%H:%M} {wanted.timezone}"


def _hours(wanted: Hours, subject: Subject) -> tuple[bool, Any]:
    now = subject.context.now
    return in_hours(wanted, now), local_moment(wanted.timezone, now)


PREDICATES: Mapping[str, Predicate] = {
    "tier": _tier,
    "tenant": _tenant,
    "header": _header,
    "time_of_day": _time_of_day,
    "hours": _hours,
    "has": _has,
    "language": _language,
    "prompt_tokens": _prompt_tokens,
    "task": _task,
    "score": _score,
    "complexity": _complexity,
}
# What a classifier has a say in; the task stays with the rules, which know it better than a small model does.
CLASSIFIED = frozenset({"score"})


def holds(when: When, subject: Subject, *, but: Collection[str] = ()) -> bool:
    """Tell whether every condition holds, *but* for some that are not asked; cheap ones are asked first."""
    given = when.given()
    return all(PREDICATES[name](given[name], subject)[0] for name in PREDICATES if name in given and name not in but)


def verdicts(when: When, subject: Subject) -> tuple[Verdict, ...]:
    """Judge every condition, in the order in which the config names them."""
    judged = ((name, PREDICATES[name](wanted, subject)) for name, wanted in when.given().items())
    return tuple(Verdict(name=name, holds=held, seen=str(seen)) for name, (held, seen) in judged)
