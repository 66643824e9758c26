"""What the use of each model is counted at, by a gateway's settings."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.gateway.rates import rates
from deployments.gateway.settings import GatewaySettings
from deployments.tenancy.accounting.tariff import Tariff

# The shortest that a placeholder may stand for, a@b.co, is half as long as the longest that there may be of its kind.
_MASKED = 2.0


def tariffs(settings: GatewaySettings) -> Mapping[str, Tariff]:
    """Return the tariff of every pool and every remote model, which takes no device of ours."""
    remote = settings.remotes()
    masked = {name for name, spec in remote.items() if spec.redact is not None and spec.redact.action == "mask"}
    return {
        name: Tariff(
            price=rate.price,
            per_hour=rate.per_hour,
            devices=0.0 if name in remote else rate.gpus or rate.cpus or 1.0,
            rewritten=_MASKED if name in masked else 1.0,
        )
        for name, rate in rates(settings).items()
    }
