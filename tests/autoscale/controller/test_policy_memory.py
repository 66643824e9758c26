"""What policies remember finds its way from one process to the next, wherever they sit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from autoscale.controller import policy_memory
from autoscale.fleet import Fleet
from autoscale.policies.combinators import Bounds, Contained
from autoscale.policy import Decision, Policy


@dataclass(slots=True)
class Seasonal:
    """Remembers a number."""

    learned: int = 0
    fails: bool = False

    def decide(self, fleet: Fleet) -> Decision:
        return Decision(pools={})

    def remembered(self) -> Mapping[str, Any]:
        if self.fails:
            raise RuntimeError("nothing to see")
        return {"learned": self.learned}

    def recall(self, remembered: Mapping[str, Any]) -> None:
        self.learned = int(remembered["learned"])


@dataclass
class Several:
    """Policies in a list and by name."""

    first: list[Policy]
    named: dict[str, Policy] = field(default_factory=dict)

    def decide(self, fleet: Fleet) -> Decision:
        return Decision(pools={})


def composed(*learned: int) -> tuple[Contained, list[Seasonal]]:
    seasonal = [Seasonal(one) for one in learned]
    several = Several([Bounds(seasonal[0])], {"dense": seasonal[1]})
    return Contained(several), seasonal


def test_every_policy_inside_others_is_found() -> None:
    """Through combinators, lists and names, as JSON."""
    before, _ = composed(3, 4)
    after, seasonal = composed(0, 0)
    policy_memory.recall(after, json.loads(json.dumps(policy_memory.remembered(before))))
    assert [one.learned for one in seasonal] == [3, 4]


def test_a_policy_that_there_is_only_one_of_is_the_same_inside_other_wrappers() -> None:
    """A configuration that damps it differently does not make it forget."""
    other = Seasonal()
    policy_memory.recall(Bounds(other), policy_memory.remembered(Contained(Seasonal(5))))
    assert other.learned == 5


def test_several_of_one_class_are_told_apart_by_their_places_only() -> None:
    """Nobody is given what may be another's."""
    before, _ = composed(3, 4)
    other = Seasonal()
    policy_memory.recall(Bounds(other), policy_memory.remembered(before))
    assert other.learned == 0
    after, seasonal = composed(0, 0)
    policy_memory.recall(after, policy_memory.remembered(Contained(Seasonal(5))))
    assert [one.learned for one in seasonal] == [0, 0]


def test_a_policy_that_fails_to_remember_or_to_recall_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Both are logged."""
    before, seasonal = composed(3, 4)
    seasonal[0].fails = True
    kept = policy_memory.remembered(before)
    assert list(kept.values()) == [{"learned": 4}]
    after, _ = composed(1, 1)
    policy_memory.recall(after, {place: {} for place in kept})
    assert [record.message.split()[0] for record in caplog.records] == ["policy_memory_failed", "policy_memory_refused"]


def test_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster's store is no place for a history."""
    monkeypatch.setattr(policy_memory, "MOST_BYTES", 20)
    before, _ = composed(3, 4)
    assert len(policy_memory.remembered(before)) == 1
