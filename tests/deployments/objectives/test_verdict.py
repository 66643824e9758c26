"""Which requests keep a goal, which miss it, and which say nothing of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.objectives.spec import Goal, ObjectivesSpec
from deployments.objectives.tally import GoalTally
from deployments.objectives.verdict import kept
from deployments.telemetry.outcome import Outcome

ANSWERED = Goal(share=0.99)
QUICK = Goal(share=0.95, first_token=2, entries=("auto",))
WHOLE = Goal(share=0.95, whole=10)


def ended(outcome: str = "ok", *, ttft_s: float | None = 1.0, duration_s: float = 5.0) -> Outcome:
    return Outcome(outcome=outcome, duration_s=duration_s, ttft_s=ttft_s)


@pytest.mark.parametrize(
    ("goal", "request_", "good"),
    [
        (ANSWERED, ended(), True),
        (ANSWERED, ended("engine_failed"), False),
        (ANSWERED, ended("internal_error"), False),
        (ANSWERED, ended("invalid_request", ttft_s=None), None),
        (ANSWERED, ended("rate_limit_exceeded", ttft_s=None), None),
        (ANSWERED, ended("client_closed"), None),
        (QUICK, ended(), True),
        (QUICK, ended(ttft_s=2.5), False),
        (QUICK, ended("client_closed", ttft_s=None, duration_s=1.0), None),
        (QUICK, ended("client_closed", ttft_s=None, duration_s=3.0), False),
        (QUICK, ended("no_replica", ttft_s=None, duration_s=0.1), False),
        (WHOLE, ended(duration_s=10.5), False),
        (WHOLE, ended(duration_s=9.5), True),
    ],
)
def test_verdicts(goal: Goal, request_: Outcome, good: bool | None) -> None:
    """Our errors and our delays are misses; what clients do wrong is not."""
    assert kept(goal, "auto", request_) is good


def test_a_goal_for_some_entries_leaves_the_others_alone() -> None:
    """Whatever became of them."""
    assert kept(QUICK, "other", ended(ttft_s=2.5)) is None
    assert kept(ANSWERED, "other", ended("engine_failed")) is False


def test_a_gateway_counts_each_goal() -> None:
    """A goal that stays keeps its counts over a change of the others."""
    tally = GoalTally()
    tally.follow(ObjectivesSpec(goals={"answered": ANSWERED, "quick": QUICK}))
    for one in (ended(), ended(ttft_s=3.0), ended("engine_failed"), ended("invalid_request")):
        tally.ended("auto", one)
    told = tally.read()
    assert {name: (counts.judged, counts.missed) for name, counts in told.items()} == {
        "answered": (3, 1),
        "quick": (3, 2),
    }
    tally.follow(ObjectivesSpec(goals={"quick": QUICK, "whole": WHOLE}))
    assert {name: counts.judged for name, counts in tally.read().items()} == {"quick": 3, "whole": 0}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"goals": {"a": {"share": 0.2}}}, "not between 50% and 99.999%"),
        ({"goals": {"a": {"share": "99%", "first_token": 1, "whole": 2}}}, "make two goals of it"),
        ({"goals": {"pool-dense": {"share": 0.9}}}, "as the goals of pools do"),
        ({"goals": {"A b": {"share": 0.9}}}, "pattern"),
        ({"window": "1h"}, "greater than or equal to 604800"),
        ({"thresholds": {"cost_per_request": {"dollars": 1}}}, "pattern"),
    ],
)
def test_bad_sections_say_what_is_wrong(section: dict[str, object], told: str) -> None:
    """With the field's name."""
    with pytest.raises(ValidationError, match=told):
        ObjectivesSpec.model_validate(section)
