"""The series of what calls cost."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from deployments.cost.charge import Charge
from deployments.telemetry.catalogue import governance
from deployments.telemetry.tenant_labels import TenantLabels


class CostMeters:
    """Counts what calls cost that came to their end; ``tenant`` is empty for what nobody asked for."""

    def __init__(self, registry: CollectorRegistry, tenants: TenantLabels) -> None:
        self._seconds = governance.COST_SECONDS.counter(registry)
        self._amount = governance.COST_AMOUNT.counter(registry)
        self._tenants = tenants

    def cost(self, tenant: str, charge: Charge) -> None:
        """Count one call, or the next part of one."""
        label = self._tenants.of(tenant)
        for device, seconds in (("gpu", charge.gpu_seconds), ("cpu", charge.cpu_seconds)):
            if seconds:
                self._seconds.labels(charge.model, label, device).inc(seconds)
        if charge.amount:
            self._amount.labels(charge.model, label, charge.currency).inc(charge.amount)
