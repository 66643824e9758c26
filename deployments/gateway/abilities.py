"""Which model names can answer which endpoints, and what a client is told that asked for another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployments.adapters import split_name
from deployments.errors import Invalid
from deployments.gateway.readiness import reachable
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.surfaces import SURFACES, Work
from deployments.request import Endpoint

_SHOWN = 20


def work_of(family: str) -> Work:
    """Return what the models of *family* do."""
    return "pooling" if family == "pooling" else "generate"


def abilities(settings: GatewaySettings) -> dict[str, frozenset[Endpoint]]:
    """Return the endpoints of every model, and of every graph node those that all of its models have."""
    return {name: _common(reachable(name, settings.graph), settings) for name in (*settings.models, *settings.graph)}


def _common(models: Iterable[str], settings: GatewaySettings) -> frozenset[Endpoint]:
    works = {work_of(settings.models[model].family) for model in models}
    return frozenset(endpoint for endpoint, surface in SURFACES.items() if works <= surface.works)


def stand_in(endpoint: Endpoint, settings: GatewaySettings, able: Mapping[str, frozenset[Endpoint]]) -> str:
    """Return who answers where no model is named: the default if it can, else the only model that can."""
    if endpoint in able[split_name(settings.default)[0]]:
        return settings.default
    others = [name for name in settings.models if endpoint in able[name]]
    return others[0] if len(others) == 1 else settings.default


def check_ability(name: str, endpoint: Endpoint, able: Mapping[str, frozenset[Endpoint]]) -> None:
    """Raise an Invalid that names the models which answer *endpoint* where *name* does not."""
    if endpoint in able.get(split_name(name)[0], frozenset()):
        return
    others = sorted(other for other, endpoints in able.items() if endpoint in endpoints)[:_SHOWN]
    way_out = f"use {' or '.join(others)}" if others else "no model here does: add one to the configuration"
    raise Invalid(f"model: {name} does not answer {SURFACES[endpoint].paths[0]}; {way_out}", param="model")
