"""What a replica does next about its adapters."""

from __future__ import annotations

from deployments.pool.adapter_plan import RETRY_S, Due, Failed, Wanted, due

A, B = Wanted(source="/a"), Wanted(source="/b", serial=7)


def test_what_is_missing_is_loaded_and_what_is_too_much_unloaded() -> None:
    """In the order of their names; what is right already is left alone."""
    held = {"kept": A, "gone": B}
    assert due({"kept": A, "z": A, "b": B}, held, {}, 0.0) == Due(unload=("gone",), load=("b", "z"))


def test_another_adapter_under_the_same_name_takes_its_place() -> None:
    """Out with the old one first; a new serial is another adapter also where the path is the same."""
    newer = Wanted(source="/b", serial=8)
    assert due({"a": newer}, {"a": B}, {}, 0.0) == Due(unload=("a",), load=("a",))


def test_a_failure_rests_until_its_time_or_until_something_else_is_wanted() -> None:
    """What cannot be loaded must not be tried all the time, nor keep the next attempt from happening."""
    failed = {"a": Failed(wanted=B, reason="no", at_s=100.0)}
    assert due({"a": B}, {}, failed, 100.0 + RETRY_S - 1).load == ()
    assert due({"a": B}, {}, failed, 100.0 + RETRY_S).load == ("a",)
    assert due({"a": A}, {}, failed, 100.0).load == ("a",)
    assert due({}, {}, failed, 200.0) == Due(unload=(), load=())
