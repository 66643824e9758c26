"""Budgets of errors over their whole window, whichever processes came and went."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autoscale.controller.goal_book import HOUR_S, GoalBook
from deployments.signals import GoalCounts

DAY_S = 24 * HOUR_S
NOW_S = 1_000_000.0


def counts(judged: int, missed: int, share: float = 0.9) -> dict[str, GoalCounts]:
    return {"answered": GoalCounts(judged=judged, missed=missed, share=share, window_s=7 * DAY_S)}


def told(book: GoalBook, now_s: float = NOW_S) -> dict[str, Any]:
    (one,) = book.status(now_s)
    return one


def test_gateways_are_added_up_and_one_that_is_gone_still_counts() -> None:
    """Reports are totals: hearing one twice changes nothing."""
    book = GoalBook()
    book.hear("a", counts(50, 1), NOW_S)
    book.hear("b", counts(50, 4), NOW_S)
    book.hear("b", counts(50, 4), NOW_S + 1)
    one = told(book)
    assert (one["judged"], one["missed"]) == (100, 5)
    assert one["budget_left"] == pytest.approx(0.5)


def test_what_was_longer_ago_than_the_window_is_forgotten() -> None:
    """Hour by hour."""
    book = GoalBook()
    book.hear("a", counts(10, 10), NOW_S)
    book.hear("a", counts(110, 10), NOW_S + 6 * DAY_S)
    assert told(book, NOW_S + 6 * DAY_S)["missed"] == 10
    assert told(book, NOW_S + 7 * DAY_S + HOUR_S)["missed"] == 0
    assert told(book, NOW_S + 7 * DAY_S + HOUR_S)["budget_left"] == 1


def test_a_restart_loses_nothing_and_counts_nothing_twice() -> None:
    """What is kept goes through JSON."""
    before = GoalBook()
    before.hear("a", counts(50, 5), NOW_S)
    after = GoalBook()
    after.take(json.loads(json.dumps(before.plain())))
    after.hear("a", counts(60, 5), NOW_S + 5)
    assert (told(after)["judged"], told(after)["missed"]) == (60, 5)


def test_a_goal_that_begins_anew_at_a_gateway() -> None:
    """Its counts are lower than before, and all of them are new."""
    book = GoalBook()
    book.hear("a", counts(50, 5), NOW_S)
    book.hear("a", counts(3, 1), NOW_S + 1)
    assert (told(book)["judged"], told(book)["missed"]) == (53, 6)


def test_before_the_first_request_no_budget_is_claimed() -> None:
    """Nothing is known yet."""
    book = GoalBook()
    book.hear("a", counts(0, 0), NOW_S)
    assert told(book)["budget_left"] is None


def test_it_tells_for_how_long_it_knows() -> None:
    """From the first request on, not from the hour that it came in; what is forgotten is not claimed."""
    book = GoalBook()
    book.hear("a", counts(10, 1), NOW_S)
    assert told(book, NOW_S + 20)["known_s"] == 20
    again = GoalBook()
    again.take(json.loads(json.dumps(book.plain())))
    again.hear("a", counts(20, 1), NOW_S + 6 * DAY_S)
    assert told(again, NOW_S + 6 * DAY_S)["known_s"] == 6 * DAY_S
    assert told(again, NOW_S + 7 * DAY_S + HOUR_S)["known_s"] < 2 * DAY_S
