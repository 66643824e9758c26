"""What schedulers aim at, and how it is written down."""

from __future__ import annotations

import json

import pytest

from deployments.scheduling.targets import NONE, Targets, targets_of


@pytest.mark.parametrize("targets", [NONE, Targets(due_s=2.0), Targets(pace_s=0.1), Targets(due_s=2.0, pace_s=0.1)])
def test_targets_are_read_as_they_were_written(targets: Targets) -> None:
    """By way of JSON, which has no infinity."""
    assert Targets.of(json.loads(json.dumps(targets.plain()))) == targets
    assert targets.any == (targets != NONE)


def test_nothing_is_aimed_at_without_a_promise_or_where_all_go_in_turn() -> None:
    """A promise alone is for the autoscaler."""
    assert targets_of(None, None, "behind") == NONE
    assert targets_of(2.0, 0.1, "in_turn") == NONE
    assert targets_of(2.0, None, "behind") == Targets(due_s=2.0)
