"""All canaries of the fleet: several gateways, one stage; and what survives a controller that begins anew."""

from __future__ import annotations

import json
import logging

import pytest

from autoscale.controller.canaries import FORGET_AFTER_S, Canaries
from deployments.canary import ArmCounts, CanaryReport, Counts, Gates, Rule

RULE = Rule(stages=(0.1, 1.0), hold_each_s=10.0, min_requests=50, gates=Gates(errors_at_most=0.01))


def report(ok: int, failed: int = 0, known: str = "c@1", rule: Rule = RULE) -> tuple[CanaryReport, ...]:
    counts = Counts(candidate=ArmCounts(ok=ok, failed=failed))
    return (CanaryReport(id=known, node="c", rule=rule, counts=counts),)


def decide(canaries: Canaries, now_s: float) -> None:
    if canaries.step(now_s):
        canaries.publish(json.loads(json.dumps(canaries.plain())))


def test_the_counts_of_all_gateways_make_one_stage():
    """Neither gateway alone has seen enough; both are told the same."""
    canaries = Canaries()
    for now_s, ok in ((0.0, 0), (1.0, 1), (11.0, 30)):
        for gateway in ("a", "b"):
            canaries.hear(gateway, report(ok), now_s)
        decide(canaries, now_s)
    assert canaries.stages()["c@1"].share == 1.0
    assert canaries.status()["c"]["steps"] == 1


def test_a_first_report_and_a_restarted_gateway_count_nothing_twice():
    """What a gateway had counted before it was known belongs to no stage; one that begins again loses nothing."""
    canaries = Canaries()
    canaries.hear("a", report(1000), 0.0)
    canaries.hear("a", report(1020), 1.0)
    canaries.hear("a", report(7), 2.0)
    assert canaries.status()["c"]["candidate"] == {"ok": 27, "failed": 0}


def rolled_back() -> Canaries:
    canaries = Canaries()
    canaries.hear("a", report(0), 0.0)
    canaries.hear("a", report(40, 10), 1.0)
    decide(canaries, 1.0)
    assert canaries.stages()["c@1"].status == "rolled_back"
    return canaries


def test_a_rolled_back_canary_stays_so_over_a_restart():
    """What is kept is enough for the next process, whatever gateways report then."""
    after = Canaries()
    after.take(json.loads(json.dumps(rolled_back().plain())))
    for now_s in (5.0, 6.0, 60.0):
        after.hear("a", report(int(1000 * now_s)), now_s)
        decide(after, now_s)
        assert after.stages()["c@1"].share == 0.0


def test_it_stays_so_when_it_is_taken_out_and_put_back():
    """The same section again is the same canary; another one begins anew."""
    canaries = rolled_back()
    decide(canaries, 2 * FORGET_AFTER_S)
    assert canaries.stages() == {}
    canaries.hear("a", (*report(500), *report(0, known="c@2")), 3 * FORGET_AFTER_S)
    decide(canaries, 3 * FORGET_AFTER_S)
    assert {known: stage.status for known, stage in canaries.stages().items()} == {
        "c@1": "rolled_back",
        "c@2": "running",
    }


def test_nothing_is_told_before_it_is_kept():
    """A decision that could not be kept is offered again, and gateways stay where they are."""
    canaries = Canaries()
    canaries.hear("a", report(0), 0.0)
    decide(canaries, 0.0)
    canaries.hear("a", report(0, 50), 1.0)
    assert canaries.step(1.0)
    assert canaries.stages()["c@1"].share == 0.1
    assert canaries.step(2.0)
    decide(canaries, 3.0)
    assert canaries.stages()["c@1"].share == 0.0
    assert not canaries.step(4.0)


def test_steps_are_logged_with_their_reasons(caplog):
    """One line a step, none while it waits."""
    with caplog.at_level(logging.INFO, logger="tercet.autoscale"):
        canaries = rolled_back()
        decide(canaries, 2.0)
    (line,) = [one.getMessage() for one in caplog.records]
    assert 'canary_moved node="c" status="rolled_back" from=0.1 to=0.0' in line
    assert "errors 10 of 50" in line


def test_a_restart_in_the_last_stage_does_not_hold_it_for_ever():
    """What was compared in earlier stages is lost with the process, and will not be counted again."""
    gates = Gates(errors_worse_by=0.05, ttft_worse_by=0.2, quality_at_least=0.9)
    rule = Rule(stages=(0.5, 1.0), hold_each_s=10.0, min_requests=5, gates=gates)
    after = Canaries()
    after.take({"c@1": {"since_s": 0.0, "index": 1, "status": "running", "held": False, "steps": 1}})
    for now_s in (5.0, 10.0, 20.0):
        after.hear("a", report(int(now_s), rule=rule), now_s)
        decide(after, now_s)
    assert after.stages()["c@1"].status == "promoted"


def test_the_time_since_the_first_answer_outlives_the_process():
    """A controller that begins anew need not wait as long again."""
    first = Canaries()
    for now_s, ok in ((0.0, 0), (5.0, 1)):
        first.hear("a", report(ok), now_s)
        decide(first, now_s)
    after = Canaries()
    after.take(json.loads(json.dumps(first.plain())))
    for now_s, ok in ((14.0, 0), (15.0, 60)):
        after.hear("a", report(ok), now_s)
        decide(after, now_s)
    assert after.stages()["c@1"].share == 1.0


def test_an_operator_steers_by_name():
    """What cannot be done is said with the way out."""
    canaries = rolled_back()
    assert "did you mean c?" in canaries.steer("cc", "hold", 2.0)
    assert "restart begins it anew" in canaries.steer("c", "promote", 2.0)
    assert canaries.steer("c", "restart", 2.0) == ""
    decide(canaries, 2.0)
    assert canaries.stages()["c@1"].share == 0.1
    assert canaries.steer("c", "hold", 3.0) == ""
    canaries.hear("a", report(40, 500), 4.0)
    decide(canaries, 4.0)
    assert canaries.stages()["c@1"].share == 0.1
    assert canaries.status()["c"]["held"] is True


@pytest.mark.parametrize("held", [True, False])
def test_the_configuration_may_hold_without_beginning_anew(held):
    """The rule is the newest report's, the progress goes on."""
    canaries = Canaries()
    canaries.hear("a", report(0), 0.0)
    told = Rule(stages=RULE.stages, hold_each_s=10.0, min_requests=50, gates=RULE.gates, held=held)
    for now_s in (10.0, 20.0):
        canaries.hear("a", report(60, rule=told), now_s)
        decide(canaries, now_s)
    assert canaries.stages()["c@1"].share == (0.1 if held else 1.0)
