"""The status page, from the controller's own JSON."""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console

from autoscale.controller.loop import ControlLoop
from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica
from autoscale.spec import AutoscaleSpec
from cluster.status_page import ago, render_status
from deployments.signals import PoolDemand
from tests.autoscale.builders import gateway_signals, histogram, replica_signals

NOW_S = 1_000.0


def page(status: dict[str, Any], *, plain: bool = True) -> str:
    written = io.StringIO()
    Console(file=written, width=240).print(render_status(status, NOW_S, plain=plain))
    return written.getvalue()


def told(signals: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """The status of a loop that has just decided to add a replica to ``dense``, and knows ``moe`` by name only."""
    control = ControlLoop(
        settings=tuple(
            PoolSettings(
                name=name, application=name, deployment="d", min_replicas=1, max_replicas=2, slots=4, ttft_p95_s=1
            )
            for name in ("dense", "moe")
        ),
        spec=AutoscaleSpec.model_validate({"policy": "queue", **spec}),
    )
    control.hear_gateway(gateway_signals(at_s=NOW_S - 12), NOW_S - 12)
    demand = PoolDemand(in_flight=7, held=3, arrivals_total=9, ttft=histogram(*[0.2] * 9, 3.0))
    away = PoolDemand(in_flight=2, held=0, arrivals_total=24, refused_total=6, ttft=histogram(*[0.2] * 20))
    control.hear_gateway(gateway_signals(at_s=NOW_S, dense=demand, cloud=away), NOW_S)
    control.hear_replica(
        replica_signals("r0", at_s=NOW_S, running=4, waiting=2, slots=4, kv_used=0.25, **signals or {}), NOW_S
    )
    control.hear_replica(replica_signals("r1", at_s=NOW_S, stage="loading", stage_since_s=NOW_S - 42), NOW_S)
    replicas = (ServedReplica(replica="r0", state="running"), ServedReplica(replica="r1", state="starting"))
    control.step(Served(at_s=NOW_S, pools={"dense": ServedPool(target=1, replicas=replicas)}), NOW_S)
    status: dict[str, Any] = json.loads(json.dumps(control.status(NOW_S)))
    return status


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.split()[:1] == [name])


def test_shows_replicas_by_stage_queue_latency_and_attainment() -> None:
    """One line has everything about a pool that answers."""
    line = row(page(told()), "dense")
    for part in (
        "1/1 (min 1, max 2)",
        "1 ready, 1 loading 42s",
        " 4 ",
        " 2 ",
        " 3 ",
        "25%",
        "(p95 <= 1s)",
        "90.0% of 1m",
    ):
        assert part in line


def test_every_pool_says_why_it_has_its_size() -> None:
    """The decision's reason, or what keeps one from being made."""
    text = page(told())
    assert "dense: 2 because work: 7 ongoing, 4 slots x 0.7 each" in text
    assert "moe: not deployed yet" in text


def test_the_last_changes_are_listed_with_their_age() -> None:
    """From, to and why."""
    assert any("0s" in line and "dense" in line and "1 -> 2" in line for line in page(told()).splitlines())


def test_nothing_known_is_shown_as_nothing() -> None:
    """A pool without a single signal has dashes and no zeros that were never measured."""
    assert row(page(told()), "moe").split()[-4:] == ["-", "-", "-", "-"]


def test_advice_and_errors_are_in_the_headline() -> None:
    """Whoever looks must see that nothing is acted on, or that something fails."""
    status = told(mode="advise")
    status["errors"]["serve"] = 3
    headline = page(status).splitlines()[0]
    assert "advising only" in headline
    assert "3 serve errors" in headline


def test_text_in_square_brackets_is_shown_and_not_taken_for_markup() -> None:
    """A reason is data."""
    status = told()
    status["decisions"][-1]["reason"] = "because [red]of this[/red]"
    assert "[red]of this[/red]" in page(status)


def test_ages_are_written_in_their_largest_unit() -> None:
    """Seconds, minutes, hours."""
    assert [ago(age) for age in (-1, 0.4, 59, 60, 3599, 7200)] == ["0s", "0s", "59s", "1m", "59m", "2h"]


def test_a_pool_that_speculates_says_how_often_it_is_right() -> None:
    """And one that does not says nothing of it."""
    text = page(told({"drafted_total": 400, "accepted_total": 250}))
    assert "dense: 62% of 400 speculated tokens accepted" in text
    assert "speculated" not in page(told())


def test_models_on_other_servers_are_told_apart_from_pools() -> None:
    """They have no replicas, and still requests under way that a drain has to wait for."""
    status = told()
    assert "cloud" not in status["pools"]
    assert status["elsewhere"]["cloud"]["in_flight"] == 2
    line = row(page(status), "cloud,")
    assert "on another server: 2 under way, 2.0 requests a second, 0.5 refused, first token 0." in line


def test_goals_are_told_with_what_is_left_of_their_errors() -> None:
    """One that nothing has counted for yet is not mentioned."""
    known = {"share": 0.99, "window_s": 30 * 86_400.0, "known_s": 7200.0}
    goals = [
        {"goal": "answered", "judged": 1000, "missed": 4, "budget_left": 0.6, **known},
        {"goal": "quick", "judged": 0, "missed": 0, "budget_left": None, **known},
    ]
    text = page({**told(), "goals": goals})
    assert "goal answered: 99.600% of 1000 good, promised 0.99, 60% of its errors left (2h of 720h)" in text
    assert "quick" not in text
