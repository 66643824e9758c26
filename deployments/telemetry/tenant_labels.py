"""Tenants as labels: few enough to count one by one."""

from __future__ import annotations

from deployments.cost.lines import OTHERS
from deployments.telemetry.catalogue.labels import MOST_TENANTS


class TenantLabels:
    """Gives each tenant its label. Whoever names a tenant may name any: those after so many are counted together."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, tenant: str) -> str:
        """Return the label of *tenant*."""
        if tenant not in self._known:
            if len(self._known) >= MOST_TENANTS:
                return OTHERS
            self._known.add(tenant)
        return tenant
