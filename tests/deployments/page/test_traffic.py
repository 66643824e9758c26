"""What goes over each edge now, from what gateways have counted since they began."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from prometheus_client.samples import Sample

from deployments.page.readings import CLIENTS, read
from deployments.page.traffic import Window, all_requests, quantile
from deployments.telemetry.hand_overs import hand_overs

EDGES, ANSWERS, CALLS = (
    "tercet_graph_edges_total",
    "tercet_graph_answer_first_token_seconds_bucket",
    "tercet_graph_first_token_seconds_bucket",
)


def edge(count: float, outcome: str = "ok", gateway: str = "g1", target: str = "dense") -> Sample:
    labels = {"gateway": gateway, "node": "auto", "target": target, "outcome": outcome}
    return Sample(EDGES, labels, count)


def buckets(name: str, *counts: tuple[float, float]) -> Iterable[Sample]:
    for upper, count in counts:
        labels = {"gateway": "g1", "node": "auto", "target": "dense", "le": "+Inf" if upper == math.inf else str(upper)}
        yield Sample(name, labels, count)


def window(*readings: tuple[float, Iterable[Sample]]) -> Window:
    found = Window(span_s=10)
    for at_s, samples in readings:
        found.add(at_s, read(samples))
    return found


def test_a_rate_is_what_was_added_over_the_window() -> None:
    """Not over the life of the process."""
    told = window((0, [edge(100)]), (5, [edge(150)])).traffic()
    assert [(one["node"], one["target"], one["rate"], one["total"]) for one in told] == [("auto", "dense", 10.0, 150)]


def test_one_reading_says_nothing() -> None:
    """There is no rate without two."""
    assert window((0, [edge(100)])).traffic() == []


def test_only_the_last_seconds_count() -> None:
    """A burst is over once the window has passed it."""
    readings = [(float(at), [edge(100 if at > 2 else 0)]) for at in range(30)]
    assert window(*readings).traffic()[0]["rate"] == 0


def test_after_a_pause_a_window_begins_anew() -> None:
    """Nobody watched for an hour, and what happened in it does not happen now."""
    found = window((0, [edge(0)]), (1, [edge(0)]), (3600, [edge(5000)]))
    assert found.traffic() == []


def test_gateways_add_up_and_one_that_restarts_takes_nothing_back() -> None:
    """Its counts begin at nothing again; the other's go on."""
    before = [edge(100), edge(50, gateway="g2")]
    after = [edge(110), edge(4, gateway="g2")]
    assert window((0, before), (10, after)).traffic()[0]["rate"] == pytest.approx(1.0)


def test_a_gateway_that_is_heard_for_the_first_time_did_not_do_it_all_just_now() -> None:
    """Nor one that was missed once."""
    readings = [(0, [edge(0)]), (5, [edge(0), edge(900, gateway="g2")])]
    assert window(*readings).traffic()[0]["rate"] == 0


def test_a_gateway_that_was_missed_once_keeps_what_it_told() -> None:
    """Nothing of it vanishes and comes back."""
    readings = [(0, [edge(0), edge(0, gateway="g2")]), (5, [edge(0), edge(50, gateway="g2")]), (10, [edge(10)])]
    told = window(*readings).traffic()[0]
    assert (told["rate"], told["total"]) == (6.0, 60)


def test_errors_are_what_an_operator_should_look_at() -> None:
    """A client's mistake, and one that left, is none."""
    codes = {"ok": 6.0, "cancelled": 1.0, "invalid_request": 1.0, "client_closed": 1.0, "engine_failed": 1.0}
    told = window((0, [edge(0, code) for code in codes]), (10, [edge(n, code) for code, n in codes.items()])).traffic()
    assert (told[0]["error_share"], told[0]["errors"]) == (0.1, {"engine_failed": 1})


def test_an_answer_that_is_not_good_enough_is_a_fault_only_where_a_client_gets_nothing_else() -> None:
    """Between nodes it is how a cascade escalates."""
    labels = {"gateway": "g1", "entry": "auto", "model": "", "endpoint": "chat", "outcome": "declined"}

    def came(count: float) -> list[Sample]:
        return [edge(count, "declined"), Sample("tercet_requests_total", labels, count)]

    told = window((0, came(0)), (10, came(10))).traffic()
    assert [(one["node"], one["error_share"], one["errors"]) for one in told] == [
        (CLIENTS, 1.0, {"declined": 10}), ("auto", 0.0, {}),
    ]  # fmt: skip


def test_a_target_that_was_not_asked_was_handed_nothing() -> None:
    """Nothing went over the edge, and nothing failed there."""
    spent = "retry_budget_spent"
    told = window((0, [edge(5), edge(0, spent)]), (10, [edge(15), edge(90, spent)])).traffic()[0]
    assert (told["rate"], told["error_share"], told["total"]) == (1.0, 0.0, 15)


def test_the_latency_is_that_of_answers_and_of_calls_where_none_came_this_way() -> None:
    """A helper's answers reach no client."""
    calls = list(buckets(CALLS, (0.1, 0), (1.0, 10), (math.inf, 10)))
    answers = list(buckets(ANSWERS, (0.1, 10), (1.0, 10), (math.inf, 10)))
    zero = [sample._replace(value=0.0) for sample in (*calls, *answers)]
    both = window((0, [edge(0), *zero]), (10, [edge(10), *calls, *answers])).traffic()[0]
    alone = window((0, [edge(0), *zero]), (10, [edge(10), *calls])).traffic()[0]
    assert both["p50_s"] == pytest.approx(0.05)
    assert alone["p50_s"] == pytest.approx(0.55)


def test_requests_as_they_come_in_are_edges_from_the_clients() -> None:
    """By the name that they ask for."""
    labels = {"gateway": "g1", "entry": "auto", "model": "dense", "endpoint": "chat"}
    name = "tercet_requests_total"

    def came(ok: float, failed: float) -> list[Sample]:
        return [
            Sample(name, {**labels, "outcome": "ok"}, ok),
            Sample(name, {**labels, "outcome": "engine_failed"}, failed),
        ]

    told = window((0, came(0, 0)), (10, came(90, 10))).traffic()
    assert (told[0]["node"], told[0]["target"]) == (CLIENTS, "auto")
    assert all_requests(told) == {"rate": 10.0, "error_share": 0.1, "p95_s": None, "total": 100}


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ({}, 0.5, None),
        ({0.1: 0.0, math.inf: 0.0}, 0.5, None),
        ({1.0: 5.0, 2.0: 10.0, math.inf: 10.0}, 0.5, 1.0),
        ({1.0: 5.0, 2.0: 10.0, math.inf: 10.0}, 0.75, 1.5),
        ({1.0: 0.0, math.inf: 10.0}, 0.95, 1.0),
    ],
)
def test_a_quantile_lies_inside_its_bucket(counts: dict[float, float], q: float, expected: float | None) -> None:
    """What is over the last bound is told as that bound."""
    assert quantile(counts, q) == expected


@pytest.mark.parametrize(
    ("path", "edges"),
    [
        ((), []),
        (("dense",), []),
        (("auto", "careful", "dense"), [("auto", "careful"), ("careful", "dense")]),
        (("auto", "careful", "dense!engine_failed", "moe"), [("auto", "careful"), ("careful", "moe")]),
    ],
)
def test_a_branch_that_failed_handed_nothing_over(path: tuple[str, ...], edges: list[tuple[str, str]]) -> None:
    """The edge goes from the node that tried the next one."""
    assert list(hand_overs(path)) == edges


def test_the_first_request_of_all_is_seen() -> None:
    """A gateway that has counted nothing has no series yet, and is known all the same."""
    found = Window(span_s=10)
    found.add(0, read([], "g1"))
    found.add(5, read([edge(5)], "g1"))
    assert found.traffic()[0]["rate"] == 1.0
