"""What each model costs, by a gateway's settings."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.cost.charge import Rate
from deployments.gateway.settings import GatewaySettings


def rates(settings: GatewaySettings) -> Mapping[str, Rate]:
    """Return the rate of every pool and every remote model."""
    return {
        name: Rate(
            gpus=model.gpus,
            cpus=model.cpus,
            per_hour=model.cost_per_hour,
            currency=settings.currency,
            price=model.price if model.remote is None else model.remote.price,
        )
        for name, model in settings.models.items()
    }
