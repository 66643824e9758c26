"""The names that a client may ask for, as OpenAI's model objects."""

from __future__ import annotations

from typing import Any

from deployments.gateway.settings import GatewaySettings
from deployments.graph.compile import kind_of


def listed(settings: GatewaySettings, created: int) -> list[dict[str, Any]]:
    """Return every model and graph node; *created* is Unix time."""
    common = {"object": "model", "created": created, "owned_by": "tercet"}
    models = [
        {"id": name, **common, "kind": "model", "family": model.family} for name, model in settings.models.items()
    ]
    nodes = [
        {"id": name, **common, "kind": kind_of(spec), "targets": list(dict.fromkeys(to for _, to in spec.targets()))}
        for name, spec in settings.graph.items()
    ]
    return [{**one, "default": one["id"] == settings.default} for one in (*models, *nodes)]
