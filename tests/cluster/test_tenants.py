"""Tenants and access in a document: what is wrong with them, each at its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.report import report
from tests.cluster.builders import LAPTOP, complaints, document, model, planned
from tests.cluster.test_resolve import TREES, settled

STORE = {"store": {"sqlite": "/var/lib/tercet/accounts.sqlite"}}
WHOLE = document(
    models={"dense": model(cost_per_hour=2)},
    graph={"auto": {"fallback": ["dense"]}},
    access={
        "store": {"redis": {"url": "rediss://accounts:6379/0", "password": {"env": "REDIS_PASSWORD"}}},
        "keys": {"pepper": {"file": "/run/secrets/pepper"}, "cache": "1s"},
        "issuers": [
            {"issuer": "https://login.example.com", "audience": "x", "jwks": "https://a.com/k", "tenant": "acme"}
        ],
        "models": {"dense": {"concurrent": 100}},
        "when_store_is_away": "admit",
    },
    tenants={
        "acme": {
            "allow": ["auto", "dense"],
            "limits": {"tokens_per_minute": 100_000, "budgets": [{"cost": 100, "per": "month"}]},
            "each_key": {"requests_per_minute": 60},
            "models": {"dense": {"calls_per_day": 1000}},
        }
    },
)


def test_a_whole_section_is_planned() -> None:
    """Everything that may be said, said."""
    planned(WHOLE)


def test_the_report_tells_what_each_tenant_may() -> None:
    """One line a tenant."""
    free = {"stay_local": True, "weight": 3, "limits": {"concurrent": 8, "budgets": [{"compute": "2h", "per": "day"}]}}
    text = " ".join(
        line.text.strip()
        for line in report(planned({**WHOLE, "tenants": {**WHOLE["tenants"], "beta": free}}), LAPTOP, "x")
    )
    assert (
        "tenants acme: may ask for auto, dense; at most 100,000 tokens a minute, a cost of 100 a month; each key at "
        "most 60 requests a minute; of dense at most 1,000 calls a day "
        "beta: may ask for everything; reaches no remote model; weight 3; at most 8 requests at once, 7,200 s of "
        "devices a day" in text
    )


def tenant(**fields: Any) -> dict[str, Any]:
    return document(graph={"auto": {"fallback": ["dense"]}}, access=STORE, tenants={"acme": fields})


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (
            document(tenants={"acme": {}}),
            ["tenants: says who uses what, and nothing says who calls; add `access` with a store, "
             "as in {store: {sqlite: /path}}"],
        ),
        (document(access=STORE), ["access: lets nobody in, since there are no tenants; add one under `tenants`"]),
        (
            document(access={"open": True}, tenants={"acme": {}}),
            ["tenants: says who uses what, and nothing says who calls; add `access` with a store, "
             "as in {store: {sqlite: /path}}"],
        ),
        (
            document(access={"open": True, **STORE}, tenants={"acme": {}}),
            ['access: {"open": true, "store": {"sqlite": "/var/lib/tercet/account… is open and says who may call; '
             "leave out `open`, or everything else",
             "tenants: says who uses what, and nothing says who calls; add `access` with a store, "
             "as in {store: {sqlite: /path}}"],
        ),
        (
            document(access={}, tenants={"acme": {}}),
            ["access: {} has no store; give one, as in {store: {sqlite: /path}}, or say {open: true}"],
        ),
        (
            tenant(limits={"budgets": [{"tokens": 5}, {"cost": 5}]}),
            ["tenants.acme.limits.budgets[1].cost: counts nothing, since no model has a `price` or a `cost_per_hour`; "
             "give one, or a budget of tokens"],
        ),
        (
            document(
                models={
                    "dense": model(cost_per_hour=2),
                    "moe": model(family="moe", price={"input_per_million": 1, "output_per_million": 2,
                                                      "currency": "cny"}),
                },
                default="dense", access=STORE, tenants={"acme": {"each_key": {"budgets": [{"cost": 5}]}}},
            ),
            ["tenants.acme.each_key.budgets[0].cost: would add up cny and usd; price all models in one currency"],
        ),
        (
            tenant(allow=["auto", "dens", "auto"]),
            ['tenants.acme.allow[1]: "dens" is neither a model nor a graph node; did you mean dense? known: auto, '
             "dense",
             'tenants.acme.allow[2]: "auto" is listed twice; drop one'],
        ),
        (
            tenant(models={"moe": {}, "auto": {}}),
            ['tenants.acme.models.auto: "auto" is a graph node, and what is used of models is limited by model; '
             "known: dense",
             'tenants.acme.models.moe: "moe" is not a model; known: dense'],
        ),
        (
            tenant(limits={"request_per_minute": 5}),
            ["tenants.acme.limits.request_per_minute: is not a known key; did you mean requests_per_minute? known: "
             "budgets, burst, calls_per_day, concurrent, requests_per_minute, tokens_per_minute"],
        ),
        (
            document(access=STORE, tenants={"acme": {}, "Acme": {}, "a b": {}}),
            ['tenants.Acme: differs from "acme" by case alone; rename one, for people will confuse them',
             "tenants[\"a b\"]: \"a b\" is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit "
             "first"],
        ),
        (
            document(access={"store": {}}, tenants={"acme": {}}),
            ["access.store: {} is no store or two; give `sqlite`, an absolute path, or `redis`, a server"],
        ),
        (
            document(access={**STORE, "keys": {"cache": "10s"}, "models": {"dens": {}}}, tenants={"acme": {}}),
            ["access.keys.cache: 10 is greater than 3",
             'access.models.dens: "dens" is not a model; did you mean dense? known: dense'],
        ),
        (
            document(
                access={
                    **STORE,
                    "issuers": [
                        {"issuer": "https://a.com", "audience": "x", "jwks": "https://a.com/k", "tenant": "acm"},
                        {"issuer": "https://a.com", "audience": "y", "jwks": "https://a.com/k", "tenant_claim": "org"},
                    ],
                },
                tenants={"acme": {}},
            ),
            ['access.issuers[0].tenant: "acm" is not a tenant; did you mean acme? known: acme',
             'access.issuers[1].issuer: "https://a.com" is configured twice; keep one, for a token could be judged by '
             "either"],
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_told_at_its_place(raw: dict[str, Any], lines: list[str]) -> None:
    """All at once, with the way out."""
    assert complaints(raw) == lines


WORDS = [
    "acme",
    "Acme",
    "allow",
    "limits",
    "models",
    "dense",
    "store",
    "sqlite",
    "issuers",
    "issuer",
    "tenant",
    "budgets",
]
DEEP = st.recursive(
    TREES,
    lambda inner: st.dictionaries(st.sampled_from(WORDS), inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.fixed_dictionaries({"tenants": DEEP, "access": DEEP}))
def test_any_tree_gives_a_plan_or_problems(sections: dict[str, Any]) -> None:
    """Nothing that these sections may hold raises."""
    settled(document(**sections))
