"""What each tenant may ask for and use, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from cluster.engine_settings import WIDTH
from cluster.problems import printable
from deployments.tenancy.limits.spec import Allotment, BudgetSpec
from deployments.tenancy.spec import TenantSpec

_PER = {"day": " a day", "month": " a month", "ever": " in all"}


def tenants(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for every tenant of a gateway's settings."""
    for name, written in settings["tenants"].items():
        told = "; ".join(_told(TenantSpec.model_validate(written)))
        yield from wrap(f"{printable(name)}: {told}", WIDTH, subsequent_indent="    ")


def _told(tenant: TenantSpec) -> Iterator[str]:
    yield "may ask for everything" if tenant.allow is None else f"may ask for {', '.join(tenant.allow) or 'nothing'}"
    if tenant.stay_local:
        yield "reaches no remote model"
    if tenant.weight != 1:
        yield f"weight {tenant.weight:g}"
    if tenant.prefix_group is not None:
        yield f"shares its prompts' beginnings with {printable(tenant.prefix_group)}"
    yield from _limited("", tenant.limits)
    yield from _limited("each key ", tenant.each_key)
    for model, allotment in tenant.models.items():
        yield from _limited(f"of {printable(model)} ", allotment)


def _limited(whose: str, allotment: Allotment) -> Iterator[str]:
    if limits := list(_limits(allotment)):
        yield f"{whose}at most {', '.join(limits)}"


def _limits(allotment: Allotment) -> Iterator[str]:
    if allotment.requests_per_minute is not None:
        yield f"{allotment.requests_per_minute:,} requests a minute"
    if allotment.tokens_per_minute is not None:
        yield f"{allotment.tokens_per_minute:,} tokens a minute"
    if allotment.concurrent is not None:
        yield f"{allotment.concurrent:,} requests at once"
    if allotment.calls_per_day is not None:
        yield f"{allotment.calls_per_day:,} calls a day"
    yield from map(_budget, allotment.budgets)


def _budget(budget: BudgetSpec) -> str:
    if budget.tokens is not None:
        amount = f"{budget.tokens:,} tokens"
    elif budget.cost is not None:
        amount = f"a cost of {budget.cost:,g}"
    else:
        amount = f"{budget.compute:,g} s of devices"
    return f"{amount}{_PER[budget.per]}"
