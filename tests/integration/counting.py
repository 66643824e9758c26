"""A graph with a node of each kind that counts something, and the traffic that has all of it count."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.integration.observing import Callers

MAIL = "Write to bob@example.com"
# What a pool's size, its slots and the tenant's budget are to be exceeded by.
MANY = 32

GRAPH: dict[str, Any] = {
    "counted": {"record": "masked", "share": "100%"},
    "masked": {"redact": "admitted", "entities": ["EMAIL"]},
    "admitted": {"admission": "known", "concurrent": 3, "queue": 3, "wait": "10s"},
    "known": {"cache": "shared", "ttl": "1h"},
    "shared": {"coalesce": "watched", "window": "5s"},
    "watched": {"shadow": "sure", "to": "distilled", "share": "100%", "compare": "exact"},
    "sure": {"fallback": ["dense", "distilled"]},
    "hesitant": {"cascade": [{"to": "distilled", "accept": {"mean_logprob": -1e-9}}, {"to": "dense"}]},
    "nightly": {"batch": "distilled", "wait": "50ms"},
    "preview": {"canary": "dense", "to": "distilled", "stages": ["50%", "100%"], "hold_each": "1h"},
}
# What counts beside the graph; `acme` calls, and `poor` has soon used its budget up.
COUNTED: dict[str, Any] = {
    "audit": {"enabled": True},
    "tenants": {
        "acme": {},
        "poor": {"limits": {"budgets": [{"tokens": 30, "per": "day"}]}},
        "operators": {},
    },
    "objectives": {"goals": {"answered": {"share": "99.5%"}, "quick": {"share": "95%", "first_token": "2s"}}},
    "autoscale": {"policy": "queue", "hold": {"down": "60s"}},
}


def busy(callers: Mapping[str, Callers], *, scarce: str, times: int = 2) -> None:
    """Ask for everything, and for the capacity of the pool *scarce* more than it has; a counter is to grow twice."""
    for _ in range(times):
        _ask(callers["acme"], callers["poor"], scarce)
        time.sleep(3)


def _ask(acme: Callers, poor: Callers, scarce: str) -> None:
    for _ in range(2):
        assert acme.ask("counted", MAIL, temperature=0).status_code == 200
    acme.flood(28, "counted", "A story that takes a while", max_tokens=60)
    assert 200 in acme.flood(24, "dense", "Tell me a long story", max_tokens=120)
    acme.flood(MANY, scarce, "More than it takes")
    for model in ("hesitant", "preview", "preview", "counted"):
        assert acme.ask(model, f"Something for {model}").status_code == 200
    assert acme.complete("nightly", "once upon a time").status_code == 200
    statuses = [poor.ask("distilled", f"{number} words", max_tokens=8).status_code for number in range(6)]
    assert 429 in statuses, statuses
