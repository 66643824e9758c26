"""The short name of a set of settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.gateway.fingerprint import fingerprint
from deployments.gateway.gateway import Gateway
from deployments.gateway.rehearsal import rehearse
from deployments.gateway.settings import GatewaySettings
from tests.deployments.scripted import Scripted

SETTINGS: dict[str, Any] = {
    "models": {"dense": {"family": "dense"}, "moe": {"family": "moe"}},
    "graph": {"auto": {"split": {"dense": 90, "moe": 10}}},
    "default": "auto",
}


def named(**changed: Any) -> str:
    return fingerprint(GatewaySettings.model_validate({**SETTINGS, **changed}))


def test_the_same_settings_have_the_same_name_in_whatever_order() -> None:
    """A gateway reads them after they have travelled."""
    turned = dict(reversed(SETTINGS["models"].items()))
    assert named() == named(models=turned)


@pytest.mark.parametrize(
    "changed",
    [
        {"default": "dense"},
        {"graph": {"auto": {"split": {"dense": 80, "moe": 20}}}},
        {"max_body": 5},
        {"draining": True},
    ],
)
def test_any_change_gives_another(changed: dict[str, Any]) -> None:
    """Weights and limits as well as the graph."""
    assert named(**changed) != named()


def test_a_gateway_reports_the_settings_that_it_has_now() -> None:
    """From the moment that new requests meet them."""
    settings = GatewaySettings.model_validate(SETTINGS)
    gateway = Gateway(settings, Scripted({}), fleet=lambda: None)
    assert gateway.signals(0.0).settings == fingerprint(settings)
    other = settings.model_copy(update={"default": "dense"})
    gateway.reconfigure(other)
    assert gateway.signals(0.0).settings == fingerprint(other) != fingerprint(settings)


def test_a_rehearsal_finds_what_a_gateway_would_refuse() -> None:
    """Before any gateway is asked."""
    assert rehearse(SETTINGS) == GatewaySettings.model_validate(SETTINGS)
    with pytest.raises(ValidationError, match="nobody"):
        rehearse({**SETTINGS, "default": "nobody"})
