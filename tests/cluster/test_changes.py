"""What a change restarts."""

from __future__ import annotations

import pytest

from cluster.changes import changes
from tests.cluster.builders import document, machine, model, planned

ROOMY = (machine(cpus=64, gpus=0),)
TRIO = {"dense": model(), "moe": model(family="moe", source="demo/moe")}


def between(old, new):
    """Return the changes between two documents as pairs."""
    return [(change.what, change.restarts) for change in changes(planned(old, ROOMY), planned(new, ROOMY))]


def with_dense(**fields):
    """Return the two models, one of them changed."""
    return document(models={**TRIO, "dense": model(**fields)}, default="moe")


@pytest.mark.parametrize(
    ("fields", "what", "restarts"),
    [
        ({"source": "org/name"}, 'models.dense.source: "demo/dense" -> "org/name"', True),
        ({"family": "distilled"}, 'models.dense.family: "dense" -> "distilled"', True),
        ({"resources": {"cpus": 2}}, 'models.dense.resources: bundles [{"CPU": 1.0}] -> bundles [{"CPU": 2.0}]', True),
        ({"replicas": {"max": 3}}, "models.dense.replicas.max: 1 -> 3", False),
        ({"max_waiting": 5}, "models.dense.max_waiting: 64 -> 5", False),
        ({"drain": "30m"}, "models.dense.drain: 900 -> 1800", False),
        ({"slo": {"ttft_p95": "2s"}}, "models.dense.slo.ttft_p95: null -> 2", False),
    ],
)
def test_says_whether_engines_restart(fields, what, restarts):
    """What an engine is made of restarts it; bounds, limits and targets do not."""
    assert (what, restarts) in between(with_dense(), with_dense(**fields))


def test_an_engine_argument_restarts_one_pool():
    """Other pools keep running."""
    found = between(with_dense(), with_dense(engine={"max_num_seqs": 8}))
    assert [restarts for _, restarts in found] == [True]
    assert found[0][0].startswith("models.dense.engine: ")


def test_the_graph_and_the_gateway_restart_nothing():
    """Graph, default, limits and the control loop are handed to running processes."""
    old = document(models=TRIO, graph={"auto": {"fallback": ["dense"]}, "b": {"fallback": ["moe"]}})
    new = document(models=TRIO, graph={"auto": {"fallback": ["moe"]}, "c": {"fallback": ["moe"]}}, default="c",
                   gateway={"replicas": 2, "max_body": "1MB"}, autoscale={"mode": "advise"})  # fmt: skip
    assert between(old, new) == [
        ("gateway.replicas: 1 -> 2", False),
        ('default: "auto" -> "c"', False),
        ('graph.auto.fallback[0]: "dense" -> "moe"', False),
        ("graph.b: goes", False),
        ("graph.c: is new", False),
        ("gateway.max_body: 8388608 -> 1000000", False),
        ('autoscale.mode: "active" -> "advise"', False),
    ]


def test_what_things_cost_restarts_nothing():
    """Prices, an hour of a replica, and how sums are kept."""
    price = {"input_per_million": 1.0, "output_per_million": 2.0}
    old = document(models={**TRIO, "dense": model(cost_per_hour=1.0)}, default="moe")
    new = document(models={**TRIO, "dense": model(cost_per_hour=2.0, price=price)}, default="moe",
                   cost={"keep": "30d", "currency": "eur"})  # fmt: skip
    *others, (price_told, restarts) = between(old, new)
    assert (price_told[:35], restarts) == ('models.dense.price: null -> {"input', False)
    assert others == [
        ("models.dense.cost_per_hour: 1 -> 2", False),
        ('cost.currency: "usd" -> "eur"', False),
        ("cost.keep: 3.456e+07 -> 2.592e+06", False),
    ]


def test_who_may_call_restarts_nothing():
    """Each tenant that changes is told, and what of it."""
    access = {"store": {"sqlite": "/var/lib/tercet/accounts.sqlite"}}
    narrow = {"limits": {"requests_per_minute": 3}}
    before, after = {"acme": {}, "gone": {}, "same": narrow}, {"acme": narrow, "new": {}, "same": narrow}
    old = document(models=TRIO, default="moe", access=access, tenants=before)
    new = document(models=TRIO, default="moe", access={**access, "lease": "60s"}, tenants=after)
    assert between(old, new) == [
        ("access.lease: null -> 60", False),
        ('tenants.acme.limits: null -> {"requests_per_minute": 3}', False),
        ("tenants.gone: goes", False),
        ("tenants.new: is new", False),
    ]


def test_an_address_restarts_everything():
    """The HTTP address is fixed when Serve starts."""
    found = between(document(), document(gateway={"port": 9000}))
    assert found == [("gateway.port: 8000 -> 9000; takes a new start of everything", True)]


def test_pools_come_and_go():
    """A pool that is new or gone leaves the others alone."""
    old, new = (
        document(models={"a": model(), "b": model()}, default="a"),
        document(models={"a": model(), "c": model()}, default="a"),
    )
    assert between(old, new) == [
        ("models.b: goes; its replicas drain", False),
        ("models.c: is new; its replicas start", False),
    ]


def test_no_change_is_no_difference():
    """The same document twice differs in nothing."""
    assert between(document(), document()) == []


def test_a_node_of_another_kind_is_one_change():
    """What it had and what it has would be a page, and say less."""
    old = document(models=TRIO, graph={"auto": {"fallback": ["dense", "moe"]}})
    new = document(models=TRIO, graph={"auto": {"split": {"dense": 90, "moe": 10}}})
    assert between(old, new) == [("graph.auto: was a fallback, is a split", False)]
    other = document(models=TRIO, graph={"auto": {"split": {"dense": 80, "moe": 10}}})
    assert between(new, other) == [("graph.auto.split.dense: 90 -> 80", False)]
