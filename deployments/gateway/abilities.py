"""Which model names can answer which endpoints, and what a client is told that asked for another."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.adapters import split_name
from deployments.errors import Invalid
from deployments.gateway.settings import GatewaySettings, ModelEntry
from deployments.gateway.surfaces import SURFACES, Work
from deployments.graph.capability import Capabilities, Capability
from deployments.graph.composition import Composition
from deployments.media import MediaSpec
from deployments.request import Endpoint

_SHOWN = 20
_OF_WORK: Mapping[Work, frozenset[Capability]] = {
    "generate": frozenset({"text", "logprobs", "ids", "resume"}),
    "pooling": frozenset({"vectors"}),
}


def work_of(family: str) -> Work:
    """Return what the models of *family* do."""
    return "pooling" if family == "pooling" else "generate"


def pool_gives(family: str, media: MediaSpec) -> Capabilities:
    """Return what the engines of a pool give."""
    work = work_of(family)
    given: set[Capability] = {endpoint for endpoint, surface in SURFACES.items() if work in surface.works}
    given.update(_OF_WORK[work])
    if media.images:
        given.add("images")
    return frozenset(given)


def abilities(settings: GatewaySettings) -> dict[str, frozenset[Endpoint]]:
    """Return the endpoints of every model and of every graph node, by what the node's kind makes of its targets'."""
    known = composition(settings)
    names = (*settings.models, *settings.graph)
    return {name: frozenset(one for one in SURFACES if one in known.gives(name)) for name in names}


def composition(settings: GatewaySettings) -> Composition:
    """Return what every model and every graph node gives."""
    return Composition({name: _gives(model) for name, model in settings.models.items()}, settings.graph)


def _gives(model: ModelEntry) -> Capabilities:
    return pool_gives(model.family, model.media) if model.remote is None else model.remote.gives()


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
