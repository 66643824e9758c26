"""The circuit breaker, with time as a number; its laws hold for every order of calls, ends and pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.graph.breaker import Breaker, BreakerRule, Pass

RULE = BreakerRule(consecutive=3, share=0.5, calls=6, window=30, open=5, probes=2)


def fail(breaker: Breaker, now_s: float, rule: BreakerRule = RULE) -> None:
    given = breaker.admit(rule, now_s)
    assert given is not None
    breaker.failed(given, rule, now_s)


def succeed(breaker: Breaker, now_s: float, rule: BreakerRule = RULE) -> None:
    given = breaker.admit(rule, now_s)
    assert given is not None
    breaker.answered(given, rule)
    breaker.succeeded(given, now_s)


def opened(at_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(RULE.consecutive):
        fail(breaker, at_s)
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    """One failure fewer, or a success in between, leaves it closed."""
    breaker = Breaker()
    fail(breaker, 0)
    fail(breaker, 1)
    succeed(breaker, 2)
    fail(breaker, 3)
    fail(breaker, 4)
    assert breaker.state(4) == "closed"
    succeed(breaker, 5)
    assert opened(7).state(7) == "open"


def test_opens_after_a_share_of_failures() -> None:
    """Every other call fails: never three in a row, but half of six."""
    breaker = Breaker()
    for at in range(3):
        succeed(breaker, at)
        assert breaker.state(at) == "closed"
        fail(breaker, at)
    assert breaker.state(3) == "open"


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Failures that are far apart say nothing of now."""
    breaker = Breaker()
    for at in range(20):
        fail(breaker, 31.0 * at)
    assert breaker.state(31.0 * 20) == "closed"


def test_an_open_circuit_admits_nobody_until_its_time_is_over() -> None:
    """And it says how long that is."""
    breaker = opened(at_s=10)
    assert breaker.admit(RULE, 14.9) is None
    assert breaker.wait_s(12) == 3
    assert breaker.state(15) == "half_open"


def test_answered_probes_close_it() -> None:
    """Two probes may go at a time; it closes with the first token of the second, not with its end."""
    breaker = opened()
    first, second = breaker.admit(RULE, 5), breaker.admit(RULE, 5)
    assert first is not None
    assert second is not None
    assert breaker.admit(RULE, 5) is None
    breaker.answered(first, RULE)
    assert breaker.state(6) == "half_open"
    breaker.answered(second, RULE)
    assert breaker.state(6) == "closed"


def test_a_failed_probe_opens_it_again() -> None:
    """For the whole time, from that moment on."""
    breaker = opened()
    fail(breaker, 7)
    assert breaker.state(11.9) == "open"
    assert breaker.state(12) == "half_open"


def test_a_dropped_probe_makes_room_for_another() -> None:
    """A client that leaves must not keep a target out."""
    breaker = opened()
    for _ in range(5):
        probe = breaker.admit(RULE, 6)
        assert probe is not None
        breaker.dropped(probe)
    assert breaker.state(6) == "half_open"


def test_late_ends_of_calls_from_before_do_not_count() -> None:
    """What was under way when the circuit opened neither opens it for longer nor closes it."""
    breaker = Breaker()
    late = [breaker.admit(RULE, 0) for _ in range(2)]
    for _ in range(3):
        fail(breaker, 1)
    for one in late:
        assert one is not None
        breaker.failed(one, RULE, 5.5)
    assert breaker.state(6) == "half_open"


def test_a_rule_that_is_off_admits_everybody() -> None:
    """And what it sees opens nothing for the others."""
    off = BreakerRule.model_validate(False)
    assert opened().admit(off, 0) is not None
    breaker = Breaker()
    for at in range(10):
        fail(breaker, at, off)
    assert breaker.state(10) == "closed"


moves = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.floats(0, 3)),
        st.tuples(st.sampled_from(["answered", "succeeded", "failed", "dropped"]), st.integers(0, 20)),
    ),
    max_size=80,
)
rules = st.builds(
    BreakerRule,
    consecutive=st.integers(1, 4),
    share=st.floats(0.1, 1),
    calls=st.integers(1, 6),
    window=st.floats(0.5, 20),
    open=st.floats(0.5, 5),
    probes=st.integers(1, 3),
)


@given(rule=rules, moves=moves)
def test_laws(rule: BreakerRule, moves: list[tuple[str, float]]) -> None:
    """Open admits nobody; half-open never more than its probes; closed everybody; and it never stays shut."""
    breaker, now_s = Breaker(), 0.0
    waiting: list[Pass] = []
    running: list[Pass] = []
    for what, how in moves:
        state = breaker.state(now_s)
        if what == "call":
            now_s += how
            before = breaker.state(now_s)
            leave = breaker.admit(rule, now_s)
            assert (leave is not None) or before != "closed"
            assert (leave is None) or before != "open"
            if leave is not None:
                waiting.append(leave)
        elif what == "answered" and waiting:
            one = waiting.pop(int(how) % len(waiting))
            breaker.answered(one, rule)
            running.append(one)
        elif what == "succeeded" and running:
            breaker.succeeded(running.pop(int(how) % len(running)), now_s)
        elif what == "failed" and (waiting or running):
            group = waiting or running
            breaker.failed(group.pop(int(how) % len(group)), rule, now_s)
        elif what == "dropped" and waiting:
            breaker.dropped(waiting.pop(int(how) % len(waiting)))
        if breaker.state(now_s) == "open" and state != "open" and what != "call":
            assert what == "failed"
        probes = [one for one in waiting if one.probe and one.era == breaker.era]
        assert len(probes) <= rule.probes
    for one in waiting:
        breaker.dropped(one)
    later_s = now_s + rule.open
    assert breaker.state(later_s) != "open"
    assert breaker.admit(rule, later_s) is not None


def test_whoever_wants_fewer_probes_may_find_enough_of_them_answered() -> None:
    """One was answered for a caller that wants two: for one that wants one the target is well."""
    breaker = opened()
    succeed(breaker, 5)
    assert breaker.state(6) == "half_open"
    assert breaker.admit(RULE.model_copy(update={"probes": 1}), 6) is not None
    assert breaker.state(6) == "closed"


ends = st.sampled_from(["answered", "failed", "dropped"])
calls = st.tuples(st.integers(0, 1), st.floats(0, 3), ends, st.booleans())


@given(pair=st.tuples(rules, rules), calls=st.lists(calls, max_size=40), last=st.integers(0, 1))
def test_callers_with_different_rules_never_shut_each_other_out(
    pair: tuple[BreakerRule, BreakerRule], calls: list[tuple[int, float, str, bool]], last: int
) -> None:
    """Whatever became of their probes, once nothing is under way and it has been quiet for long, anybody may call."""
    breaker, now_s = Breaker(), pair[0].open
    for _ in range(pair[0].consecutive):
        given = breaker.admit(pair[0], 0.0)
        if given is not None:
            breaker.failed(given, pair[0], 0.0)
    running: list[tuple[Pass, BreakerRule, str]] = []

    def end(given: Pass, rule: BreakerRule, how: str) -> None:
        if how == "answered":
            breaker.answered(given, rule)
            breaker.succeeded(given, now_s)
        elif how == "failed":
            breaker.failed(given, rule, now_s)
        else:
            breaker.dropped(given)

    for who, wait_s, how, at_once in calls:
        now_s += wait_s
        leave = breaker.admit(pair[who], now_s)
        running += [(leave, pair[who], how)] if leave is not None else []
        while at_once and running:
            end(*running.pop())
    while running:
        end(*running.pop())
    assert breaker.admit(pair[last], now_s + max(rule.open for rule in pair)) is not None


@pytest.mark.parametrize("written", [{"share": "0%"}, {"probes": 0}, {"open": "0s"}, {"calls": 5000}, {"failures": 3}])
def test_refuses_rules_that_make_no_sense(written: dict[str, object]) -> None:
    """Each by the name of its field."""
    with pytest.raises(ValueError, match=next(iter(written))):
        BreakerRule.model_validate(written)
