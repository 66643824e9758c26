"""Take settings up as a gateway would, where nothing depends on it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from deployments.errors import NoReplica
from deployments.gateway.settings import GatewaySettings
from deployments.graph.compile import compile_graph
from deployments.graph.wiring import Wiring
from deployments.request import Context, Frame, Request
from deployments.telemetry.demand import Demand


class _Nowhere:
    """Reaches no pool."""

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:  # noqa: ARG002
        """Refuse every request."""
        raise NoReplica(f"{pool} is not reached while settings are only tried")
        yield


def rehearse(raw: Mapping[str, Any]) -> GatewaySettings:
    """Read settings and compile their graph; raises whatever a gateway would raise, before any gateway is asked."""
    settings = GatewaySettings.model_validate(dict(raw))
    compile_graph(
        settings.graph, settings.model_names(), _Nowhere(), demand=Demand(time.monotonic), surroundings=Wiring()
    )
    return settings
