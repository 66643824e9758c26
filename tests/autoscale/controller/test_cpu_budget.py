"""A bound on background work: a share in the long run, some seconds at once."""

from __future__ import annotations

from autoscale.controller.cpu_budget import CpuBudget


def test_work_begins_while_something_is_left_and_is_paid_back() -> None:
    """Ten seconds at once; 25 used are paid back at a tenth a second."""
    budget = CpuBudget(0.1, 10.0)
    assert budget.left(0.0)
    budget.spend(25.0)
    assert not budget.left(149.0)
    assert budget.left(151.0)


def test_no_more_is_saved_up_than_may_be_used_at_once() -> None:
    """However long the rest was."""
    budget = CpuBudget(0.1, 10.0)
    assert budget.left(0.0)
    assert budget.left(1e6)
    budget.spend(11.0)
    assert not budget.left(1e6)
    assert budget.left(1e6 + 11)


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    """It may be set."""
    budget = CpuBudget(0.1, 10.0)
    assert budget.left(100.0)
    assert budget.left(0.0)
