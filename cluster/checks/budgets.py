"""Budgets of money that would count nothing, or add up what cannot be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.parts import Parts, mapping
from cluster.problems import Loc, Problem, path_of

_OWN_CURRENCY = "usd"


def uncounted(parts: Parts) -> Iterator[Problem]:
    """Find budgets of cost where no model has one, or where models cost different currencies."""
    currencies = _currencies(parts)
    for loc in _of_cost(parts.raw):
        if not currencies:
            rule = "counts nothing, since no model has a `price` or a `cost_per_hour`; give one, or a budget of tokens"
            yield Problem(path=path_of(loc), message=rule)
        elif len(currencies) > 1:
            rule = f"would add up {' and '.join(sorted(currencies))}; price all models in one currency"
            yield Problem(path=path_of(loc), message=rule)


def _currencies(parts: Parts) -> set[str]:
    prices = [*(model.price for model in parts.models.values()), *(model.price for model in parts.remotes.values())]
    found = {price.currency for price in prices if price is not None}
    if any(model.price is None and model.cost_per_hour is not None for model in parts.models.values()):
        found.add(str(mapping(parts.raw.get("cost")).get("currency", _OWN_CURRENCY)))
    return found


def _of_cost(raw: Mapping[str, Any]) -> Iterator[Loc]:
    for loc, allotment in _allotments(raw):
        budgets = mapping(allotment).get("budgets")
        for at, budget in enumerate(budgets if isinstance(budgets, list) else ()):
            if mapping(budget).get("cost") is not None:
                yield (*loc, "budgets", at, "cost")


def _allotments(raw: Mapping[str, Any]) -> Iterator[tuple[Loc, Any]]:
    """Yield what anybody may use, with its place."""
    for model, allotment in _named(mapping(raw.get("access")).get("models")):
        yield ("access", "models", model), allotment
    for name, tenant in _named(raw.get("tenants")):
        for field in ("limits", "each_key"):
            yield ("tenants", name, field), mapping(tenant).get(field)
        for model, allotment in _named(mapping(tenant).get("models")):
            yield ("tenants", name, "models", model), allotment


def _named(section: Any) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in mapping(section).items() if isinstance(name, str))
