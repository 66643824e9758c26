"""Whether broken streams may go on is the operator's choice, for each model."""

from __future__ import annotations

from cluster.changes import changes
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from tests.cluster.builders import complaints, document, machine, model, planned
from tests.deployments.gateway.building import EngineTransport


def test_streams_fail_over_unless_it_is_switched_off() -> None:
    """From the document to the gateway's answer, which follows a change at run time."""
    models = {"dense": model(), "fragile": model(failover=False)}
    plan = planned(document(models=models, default="dense"), (machine(),))
    gateway = Gateway(GatewaySettings.model_validate(plan.gateway.settings), EngineTransport({}), fleet=lambda: None)
    assert gateway.fails_over("dense")
    assert not gateway.fails_over("fragile")
    assert not gateway.fails_over("removed")
    changed = planned(document(models={"dense": model(failover=False)}), (machine(),))
    gateway.reconfigure(GatewaySettings.model_validate(changed.gateway.settings))
    assert not gateway.fails_over("dense")


def test_a_change_is_told_and_restarts_nothing() -> None:
    """The gateway takes it over for the streams that begin afterwards."""
    old, new = (planned(document(models={"dense": model(failover=choice)})) for choice in (True, False))
    (change,) = changes(old, new)
    assert change.what.startswith("models.dense.failover:")
    assert not change.restarts


def test_anything_but_yes_or_no_is_refused_by_name() -> None:
    """As every other field."""
    (problem,) = complaints(document(models={"dense": model(failover="sometimes")}))
    assert "models.dense.failover" in problem
