"""Changes that wait for an operator: made once, told apart by id, gone in time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from itertools import count, groupby
from typing import Any, Literal

import pytest

from autoscale.controller.proposals import CARRIED_OUT_S, WAVERS_S, Proposals
from autoscale.controller.releases import Releases
from autoscale.controller.victims import Places
from autoscale.spec import ApprovalSpec
from tests.autoscale.builders import NOW_S, Scripted, fleet, pool, replica

RULE = ApprovalSpec(expires=600.0)


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"p{next(numbers)}"


def settle(
    proposals: Proposals, wanted: int, *, after_s: float = 0.0, ready: int = 2, rule: ApprovalSpec = RULE, **given: Any
) -> int:
    seen = fleet(NOW_S + after_s, dense=pool(ready=ready, **given))
    return proposals.settle(seen, Scripted([wanted]).decide(seen), rule)["dense"]


def waiting(proposals: Proposals) -> tuple[str, int, int] | None:
    found = proposals.waiting("dense")
    return (found.id, found.before, found.after) if found else None


def test_a_change_waits_until_it_is_approved_and_is_then_carried_out() -> None:
    """Asking again makes no second proposal; when the pool is there the proposal is over."""
    proposals = Proposals(ids())
    assert [settle(proposals, 3, after_s=second) for second in range(3)] == [2, 2, 2]
    assert waiting(proposals) == ("p1", 2, 3)
    assert proposals.answer("p1", "approved", NOW_S + 3) == ""
    assert settle(proposals, 3, after_s=4) == 3
    assert settle(proposals, 3, after_s=5, ready=3) == 3
    assert proposals.plain() == []


def test_a_proposal_that_the_policy_would_go_beyond_gives_way() -> None:
    """Whoever approves gets what they saw, or is told that it is over."""
    proposals = Proposals(ids())
    settle(proposals, 3)
    settle(proposals, 5, after_s=1)
    settle(proposals, 4, after_s=2)
    assert waiting(proposals) == ("p2", 2, 5)
    assert "gave way" in proposals.answer("p1", "approved", NOW_S + 3)
    assert proposals.answer("p2", "approved", NOW_S + 3) == ""


def test_a_policy_that_wavers_keeps_its_proposal_and_one_that_changes_its_mind_does_not() -> None:
    """Half a minute tells the two apart."""
    proposals = Proposals(ids())
    settle(proposals, 3)
    settle(proposals, 2, after_s=WAVERS_S)
    assert waiting(proposals) == ("p1", 2, 3)
    settle(proposals, 2, after_s=WAVERS_S + 1)
    assert waiting(proposals) is None


def test_a_proposal_to_wake_a_pool_does_not_lapse_because_nobody_asks() -> None:
    """Whoever asks an empty pool is refused until it is approved."""
    proposals = Proposals(ids())
    settle(proposals, 1, ready=0)
    for second in range(0, 600, 20):
        settle(proposals, 0, ready=0, after_s=second)
    assert waiting(proposals) == ("p1", 0, 1)
    settle(proposals, 0, ready=0, after_s=600)
    assert waiting(proposals) is None


def test_a_proposal_lapses_in_time_and_is_made_again_if_it_still_holds() -> None:
    """Under another id: nobody approves today what was said yesterday."""
    proposals = Proposals(ids())
    for second in range(0, 601, 20):
        settle(proposals, 3, after_s=second)
    assert waiting(proposals) == ("p2", 2, 3)
    assert proposals.answer("p1", "approved", NOW_S + 601) != ""


def test_what_was_rejected_is_not_asked_again_for_a_while_unless_it_is_more() -> None:
    """The other direction is another question."""
    proposals = Proposals(ids())
    settle(proposals, 3)
    assert proposals.answer("p1", "rejected", NOW_S + 1) == ""
    assert settle(proposals, 3, after_s=60) == 2
    assert waiting(proposals) is None
    settle(proposals, 4, after_s=61)
    assert waiting(proposals) == ("p2", 2, 4)
    proposals.answer("p2", "rejected", NOW_S + 62)
    settle(proposals, 1, after_s=63)
    assert waiting(proposals) == ("p3", 2, 1)


def test_an_approval_at_the_last_moment_still_has_time() -> None:
    """But not for ever, when Serve cannot follow."""
    proposals = Proposals(ids())
    for second in range(0, 600, 20):
        settle(proposals, 3, after_s=second)
    assert proposals.answer("p1", "approved", NOW_S + 599) == ""
    assert settle(proposals, 3, after_s=601) == 3
    assert settle(proposals, 3, after_s=600 + CARRIED_OUT_S) == 2


def test_a_pool_that_was_moved_otherwise_makes_its_proposal_pointless() -> None:
    """Two to three is no change of a pool of five."""
    proposals = Proposals(ids())
    settle(proposals, 3)
    settle(proposals, 5, after_s=1, ready=5)
    assert proposals.plain() == []


def test_an_approved_release_of_several_goes_on_after_each_of_them() -> None:
    """Serve is told of one victim after the other, as each becomes idle; the proposal is over with the last."""
    proposals, releases, sizes, present = Proposals(ids()), Releases(), [], 5
    settle(proposals, 3, ready=5)
    assert proposals.answer("p1", "approved", NOW_S) == ""
    for second in range(1, 41):
        busy = {"r4": second < 10, "r3": second < 30}
        replicas = tuple(replica(f"r{at}", since_s=at, running=int(busy.get(f"r{at}", True))) for at in range(present))
        seen = fleet(NOW_S + second, dense=pool(replicas=replicas, target=present))
        wanted = proposals.settle(seen, Scripted([3]).decide(seen), RULE)
        present = releases.step(seen, wanted, Places())["dense"]
        sizes.append(present)
    assert [size for size, _ in groupby(sizes)] == [5, 4, 3]
    assert proposals.plain() == []


@pytest.mark.parametrize("up", ["wait", "auto"])
def test_an_approved_release_is_not_carried_out_against_a_surge(
    up: Literal["wait", "auto"], caplog: pytest.LogCaptureFixture
) -> None:
    """It lapses, also half way, and what is needed now is proposed or done; an approved growth is carried out."""
    proposals, rule = Proposals(ids()), ApprovalSpec(up=up)
    settle(proposals, 3, ready=5, rule=rule)
    proposals.answer("p1", "approved", NOW_S)
    assert settle(proposals, 3, ready=4, after_s=1, rule=rule) == 3
    with caplog.at_level(logging.INFO, logger="tercet.autoscale"):
        assert settle(proposals, 6, ready=4, after_s=2, rule=rule) == (6 if up == "auto" else 4)
    assert any(message.startswith('scaling_lapsed id="p1"') for message in caplog.messages)
    assert waiting(proposals) == (None if up == "auto" else ("p2", 4, 6))
    assert settle(proposals, 4, ready=4, after_s=3, rule=rule) == 4


def test_an_approved_growth_is_carried_out_although_less_would_do_by_now() -> None:
    """Being too large is no failure."""
    proposals = Proposals(ids())
    settle(proposals, 4)
    proposals.answer("p1", "approved", NOW_S)
    assert settle(proposals, 1, after_s=1) == 4
    assert settle(proposals, 1, after_s=2, ready=3) == 4


def test_growth_need_not_wait_where_the_rule_says_so() -> None:
    """Shrinking still does."""
    proposals, rule = Proposals(ids()), ApprovalSpec(up="auto")
    assert settle(proposals, 4, rule=rule) == 4
    assert settle(proposals, 1, rule=rule) == 2
    assert waiting(proposals) == ("p1", 2, 1)


def test_bounds_are_the_operator_s_own_word() -> None:
    """They are followed without a proposal, and an approved size stays inside them."""
    assert settle(Proposals(ids()), 4, min_replicas=3) == 3
    assert settle(Proposals(ids()), 1, max_replicas=1) == 1


def test_an_approved_release_waits_until_the_pool_is_seen_again() -> None:
    """Approval was given for what was known then."""
    proposals = Proposals(ids())
    settle(proposals, 1)
    proposals.answer("p1", "approved", NOW_S)
    assert settle(proposals, 2, blind=("gateway silent",), after_s=1) == 2
    assert settle(proposals, 1, after_s=2) == 1


def test_proposals_outlive_their_process() -> None:
    """Under their ids, with the time that they are good for."""
    proposals, later = Proposals(ids()), Proposals(ids())
    settle(proposals, 3)
    later.take(json.loads(json.dumps(proposals.plain())), NOW_S + 100)
    settle(later, 2, after_s=120)
    assert waiting(later) == ("p1", 2, 3)
    assert later.answer("p1", "approved", NOW_S + 130) == ""
