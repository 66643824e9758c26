"""The conditions of a switch's case, each a pure function of what is wanted and the request it is asked about.

A new condition is a field of ``When`` and one entry of ``PREDICATES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deployments.graph.subject import Subject
from deployments.graph.when import Counts, Scores, TimeOfDay, When


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


def in_hours(wanted: TimeOfDay, now: datetime) -> bool:
    """Tell whether the aware moment *now* falls into the hours, which may span midnight."""
    at = now.astimezone(ZoneInfo(wanted.timezone)).time()
    if wanted.start < wanted.end:
        return wanted.start <= at < wanted.end
    return at >= wanted.start or at < wanted.end


def _task(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.task.task in wanted, subject.task.task


def _complexity(wanted: Scores, subject: Subject) -> tuple[bool, Any]:
    return within(wanted, subject.complexity.score), f"{subject.complexity.score:.3f}"


def _prompt_tokens(wanted: Counts, subject: Subject) -> tuple[bool, Any]:
    return within(wanted, subject.prompt_tokens), f"about {subject.prompt_tokens}"


def _language(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.language in wanted, subject.language


def _has(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    present = subject.prompt.features
    return present.issuperset(wanted), ", ".join(sorted(present)) or "neither images nor tools"


def _tenant(wanted: tuple[str, ...], subject: Subject) -> tuple[bool, Any]:
    return subject.context.tenant in wanted, subject.context.tenant


def _header(wanted: Mapping[str, tuple[str, ...]], subject: Subject) -> tuple[bool, Any]:
    sent = {name: subject.context.headers.get(name) for name in wanted}
    return all(sent[name] in values for name, values in wanted.items()), sent


def _time_of_day(wanted: TimeOfDay, subject: Subject) -> tuple[bool, Any]:
    now = subject.context.now
    return in_hours(wanted, now), f"{now.astimezone(ZoneInfo(wanted.timezone)):%H:%M} {wanted.timezone}"


PREDICATES: Mapping[str, Predicate] = {
    "tenant": _tenant,
    "header": _header,
    "time_of_day": _time_of_day,
    "has": _has,
    "language": _language,
    "prompt_tokens": _prompt_tokens,
    "task": _task,
    "complexity": _complexity,
}


def holds(when: When, subject: Subject) -> bool:
    """Tell whether every condition holds; cheap ones are asked first."""
    given = when.given()
    return all(PREDICATES[name](given[name], subject)[0] for name in PREDICATES if name in given)


def verdicts(when: When, subject: Subject) -> tuple[Verdict, ...]:
    """Judge every condition, in the order in which the config names them."""
    judged = ((name, PREDICATES[name](wanted, subject)) for name, wanted in when.given().items())
    return tuple(Verdict(name=name, holds=held, seen=str(seen)) for name, (held, seen) in judged)
