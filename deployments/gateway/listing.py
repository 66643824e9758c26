"""The names that a client may ask for, as OpenAI's model objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.adapters import split_name
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.surfaces import SURFACES
from deployments.graph.compile import kind_of
from deployments.request import Endpoint


def listed(
    settings: GatewaySettings, able: Mapping[str, frozenset[Endpoint]], loaded: Iterable[str], created: int
) -> list[dict[str, Any]]:
    """Return every model, adapter and graph node with the endpoints that it answers; *created* is Unix time.

    *loaded* are the adapters that no configuration declares.
    """
    common = {"object": "model", "created": created, "owned_by": "tercet"}
    models = [
        {"id": name, **common, "kind": "model", "family": model.family} for name, model in settings.models.items()
    ]
    adapters = [
        {"id": name, **common, "kind": "adapter", "parent": split_name(name)[0]}
        for name in sorted({*settings.model_names(), *loaded} - settings.models.keys())
    ]
    nodes = [
        {"id": name, **common, "kind": kind_of(spec), "targets": list(dict.fromkeys(to for _, to in spec.targets()))}
        for name, spec in settings.graph.items()
    ]
    return [
        {**one, "default": one["id"] == settings.default, "endpoints": _paths(able[split_name(str(one["id"]))[0]])}
        for one in (*models, *adapters, *nodes)
    ]


def _paths(endpoints: Iterable[Endpoint]) -> list[str]:
    return [surface.paths[0] for endpoint, surface in SURFACES.items() if endpoint in set(endpoints)]
