"""The series of what calls cost, by tenants that are few enough to count one by one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from deployments.cost.charge import Charge
from deployments.cost.lines import OTHERS

# Whoever names a tenant may name any: those after so many are counted together.
MOST_TENANTS = 64


class CostMeters:
    """Counts what calls cost that came to their end; ``tenant`` is empty for what nobody asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Counter(
            "tercet_cost_device_seconds",
            "Shares of engines' steps, in seconds of their devices; of a GPU's not verified on one yet.",
            ["model", "tenant", "device"],
            registry=registry,
        )
        self._amount = Counter(
            "tercet_cost_amount", "What calls cost, in a currency.", ["model", "tenant", "currency"], registry=registry
        )
        self._tenants: set[str] = set()

    def cost(self, tenant: str, charge: Charge) -> None:
        """Count one call, or the next part of one."""
        label = self._label(tenant)
        for device, seconds in (("gpu", charge.gpu_seconds), ("cpu", charge.cpu_seconds)):
            if seconds:
                self._seconds.labels(charge.model, label, device).inc(seconds)
        if charge.amount:
            self._amount.labels(charge.model, label, charge.currency).inc(charge.amount)

    def _label(self, tenant: str) -> str:
        if tenant not in self._tenants:
            if len(self._tenants) >= MOST_TENANTS:
                return OTHERS
            self._tenants.add(tenant)
        return tenant
