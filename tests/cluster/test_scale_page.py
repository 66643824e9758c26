"""Why a pool has its size, in words, from the controller's own JSON."""

from __future__ import annotations

import json
from typing import Any

from autoscale.controller.explanation import explanation, overview
from cluster.scale_page import explained, listed
from tests.autoscale.controller.test_loop import Plant, loop


def status(plant: Plant) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(plant.loop.status(plant.now_s)))
    return told


def proposed() -> tuple[Plant, str]:
    plant = Plant(loop(mode="approve"))
    plant.second(in_flight=4, arrivals_total=2)
    return plant, status(plant)["pools"]["dense"]["proposal"]["id"]


def test_lists_every_pool_with_why_and_what_waits() -> None:
    """With the very command that approves it."""
    plant, known = proposed()
    text = "\n".join(listed(overview(status(plant)), plant.now_s))
    assert "mode approve, policy queue" in text
    assert "dense: 1 ready of 1 (min 1, max 3); 2 wanted because work: 4 ongoing" in text
    assert f"proposed: 1 -> 2, work: 4 ongoing, 4 slots x 0.5 each; within 10m: tercet scale approve {known}" in text


def test_explains_one_pool_with_replicas_demand_and_changes() -> None:
    """Each replica with its stage, age and load."""
    plant, _ = proposed()
    plant.second(in_flight=4, arrivals_total=8)
    lines = list(explained(explanation(status(plant), "dense"), plant.now_s))
    text = "\n".join(lines)
    assert "wanted: 2 because work: 4 ongoing" in text
    assert "demand: 6.00 requests a second, 4 under way, 0 without a token" in text
    assert any(line.strip().startswith("r0 ready") and "0 running, 0 waiting, heard 0s ago" in line for line in lines)
    assert "1s ago  1 -> 2  work: 4 ongoing" in text


def test_says_what_a_pin_holds_and_what_the_policy_wanted() -> None:
    """An operator's word and its alternative stand side by side."""
    plant = Plant(loop())
    plant.second()
    fields = {"pool": "dense", "replicas": 2, "for_s": 7200.0, "why": "launch at noon"}
    assert plant.loop.steering.order("pin", fields, plant.loop.settings, plant.now_s) == ""
    plant.second()
    text = "\n".join(explained(explanation(status(plant), "dense"), plant.now_s))
    assert "pinned to 2 for another 1h: launch at noon" in text
    assert "(pin binds)" in text
    assert "rejected: 1: work: 0 ongoing" in text


def test_says_what_is_not_seen_and_who_is_sent_nothing_more() -> None:
    """A parked replica is marked, a silent gateway named."""
    plant = Plant(loop(hold={"down": 0}), replicas=2, follows=False)
    plant.busy = True
    plant.second()
    assert ", sent nothing more" in "\n".join(explained(explanation(status(plant), "dense"), plant.now_s))
    for _ in range(7):
        plant.second(heard=False)
    assert "not seen: gateway g0 silent" in "\n".join(explained(explanation(status(plant), "dense"), plant.now_s))


def test_an_unknown_pool_has_no_explanation() -> None:
    """Whoever asks says which there are."""
    assert explanation(status(Plant(loop())), "dens") == {}
