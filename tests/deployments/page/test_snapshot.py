"""One moment of the cluster as plain, bounded JSON."""

from __future__ import annotations

import json
from typing import Any

from deployments.cost.book import Entry
from deployments.cost.lines import OTHERS, Key, Sums
from deployments.page.snapshot import MOST_DECISIONS, MOST_EDGES, MOST_REPLICAS, MOST_TENANTS, cost_table, snapshot
from deployments.signals import FleetView, PoolState

NOW = 1_000_000.0
REPLICA = {
    "replica": "r1", "stage": "loading", "since_s": NOW - 5, "requested_s": NOW - 9, "running": None, "waiting": None,
    "kv_used": None,
}  # fmt: skip
DECISION = {
    "at_s": NOW,
    "pool": "dense",
    "from": 1,
    "to": 2,
    "reason": "queue",
    "binds": "",
    "rejected": [],
    "numbers": {},
}
POOL: dict[str, Any] = {
    "min": 1, "max": 4, "target": 2, "published": 2, "slots": 8, "stages": {"loading": 1}, "replicas": [REPLICA],
    "running": 0, "waiting": 0, "kv_used": None, "in_flight": 1, "held": 0, "arrival_rate": 1.0, "refused_rate": 0.0,
    "ttft": {"p50_s": None, "p95_s": None, "target_s": 1.0, "count": 0}, "tpot": None, "attainment": [], "blind": [],
    "decision": DECISION, "parked": ["r1"], "brown_out": 0.2, "pin": None,
    "proposal": {"id": "ab", "pool": "dense", "before": 1, "after": 2, "reason": "queue", "made_s": 0, "expires_s": 9},
}  # fmt: skip
GOAL = {
    "goal": "answered", "share": 0.99, "window_s": 7.0, "known_s": 1.0, "judged": 10, "missed": 0, "budget_left": 1.0
}  # fmt: skip


def status(**changed: Any) -> dict[str, Any]:
    return {
        "at_s": NOW, "mode": "approve", "policy": "sla", "interval_s": 1.0, "errors": {}, "pools": {"dense": POOL},
        "goals": [GOAL], "gateways": [{"gateway": "g1", "age_s": 0.123, "settings": "a", "audit": ""}],
        "decisions": [DECISION], "costs": "", **changed,
    }  # fmt: skip


def made(told: dict[str, Any] | None, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"gateway": {"name": "g1"}, "edges": [], "view": None, "costs": None, **changed}
    found = snapshot(NOW, status=told, **given)
    json.dumps(found, allow_nan=False)
    return found


def test_a_pool_tells_its_replicas_its_decision_and_the_clock_of_its_start() -> None:
    """The clock is what gateways are told."""
    state = PoolState(
        ready=0,
        target=2,
        starting=1,
        cold_start_s=30.0,
        ready_in_s=12.0,
        starting_for_s=9.0,
        startup=(("loading", 4.0),),
    )
    pool = made(status(), view=FleetView(at_s=NOW, pools={"dense": state}))["fleet"]["pools"][0]
    assert (pool["pool"], pool["stages"], pool["decision"]["reason"]) == ("dense", {"loading": 1}, "queue")
    assert pool["replicas"][0]["parked"]
    clock = {name: pool["start"][name] for name in ("starting_for_s", "cold_start_s", "ready_in_s", "stages_s")}
    assert clock == {"starting_for_s": 9.0, "cold_start_s": 30.0, "ready_in_s": 12.0, "stages_s": [["loading", 4.0]]}


def test_what_waits_for_an_operator_is_told_apart() -> None:
    """Whichever pool it is of."""
    assert [one["id"] for one in made(status())["fleet"]["proposals"]] == ["ab"]


def test_a_silent_controller_leaves_the_rest_standing() -> None:
    """With the reason."""
    told = made(
        None, fault="nobody answers", edges=[{"node": "", "rate": 2.0, "error_share": 0.5, "p95_s": 0.1, "total": 4}]
    )
    assert (told["fleet"], told["fault"]) == (None, "nobody answers")
    assert told["requests"] == {"rate": 2.0, "error_share": 0.5, "p95_s": 0.1, "total": 4}


def test_a_huge_cluster_comes_to_a_bounded_page() -> None:
    """What is left out is counted."""
    pool = {**POOL, "replicas": [{**REPLICA, "replica": f"r{at}"} for at in range(5_000)]}
    edge = {"node": "a", "rate": 0.0, "error_share": 0.0, "p95_s": None, "total": 0}
    told = made(
        status(
            pools={f"p{at}": pool for at in range(2)}, decisions=[{**DECISION, "at_s": float(at)} for at in range(500)]
        ),
        edges=[edge] * 5_000,
    )
    assert len(told["edges"]) == MOST_EDGES
    assert [(len(one["replicas"]), one["left_out"]) for one in told["fleet"]["pools"]] == [(MOST_REPLICAS, 4_900)] * 2
    assert [one["at_s"] for one in told["fleet"]["decisions"]] == [499.0 - at for at in range(MOST_DECISIONS)]


def entry(tenant: str, seconds: float, kind: Any = "used") -> Entry:
    key = Key(277, kind, "dense", "dense", tenant, "eur")
    return Entry(key=key, sums=Sums(calls=1, seconds=seconds, amount=seconds / 100), cpu_seconds=2 * seconds)


def test_tenants_are_told_the_dearest_first_and_the_many_together() -> None:
    """Nothing of what they came to is lost."""
    entries = [entry(f"t{at}", 1.0 + at) for at in range(MOST_TENANTS + 10)]
    told = cost_table(entries, 24, "eur")["tenants"]
    assert [one["tenant"] for one in told][:2] == [f"t{MOST_TENANTS + 9}", f"t{MOST_TENANTS + 8}"]
    assert told[-1]["tenant"] == OTHERS
    assert sum(one["cpu_seconds"] for one in told) == sum(one.cpu_seconds for one in entries)
    assert round(sum(one["machines"]["eur"] for one in told), 6) == round(sum(one.sums.amount for one in entries), 6)


def test_the_others_are_told_once() -> None:
    """Those that were kept together already, and those that are for want of room."""
    entries = [entry(OTHERS, 500.0), *(entry(f"t{at}", 1.0 + at) for at in range(MOST_TENANTS + 1))]
    told = cost_table(entries, 24, "eur")["tenants"]
    assert [one["tenant"] for one in told].count(OTHERS) == 1
    assert (told[-1]["tenant"], told[-1]["cpu_seconds"]) == (OTHERS, 1002.0)


def test_idle_time_is_told_as_part_of_what_its_users_came_to() -> None:
    """Half of this tenant's seconds had no work."""
    (told,) = cost_table([entry("shop", 10.0), entry("", 10.0, "idle")], 24, "eur")["tenants"]
    assert (told["cpu_seconds"], told["idle_seconds"]) == (40.0, 20.0)
