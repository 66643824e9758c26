"""What each tenant may use, as gateways are told it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.limits.claims import Claim, claims
from deployments.tenancy.limits.spec import Allotment

UNLIMITED, ANYTHING = Allotment(), Scopes()


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRights:
    """One tenant: what it may ask for, what it may use in all and of single models, and what each of its keys may."""

    scopes: Scopes = ANYTHING
    limits: Allotment = UNLIMITED
    each_key: Allotment = UNLIMITED
    models: Mapping[str, Allotment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """All tenants, and what all of them together may use of a model."""

    tenants: Mapping[str, TenantRights]
    models: Mapping[str, Allotment] = field(default_factory=dict)

    def scopes(self, who: Identity) -> Scopes | None:
        """Return what *who* may ask for, None where its tenant is not known (any more)."""
        tenant = self.tenants.get(who.tenant)
        return None if tenant is None else who.scopes.within(tenant.scopes)

    def of_caller(self, who: Identity, now_us: int) -> Iterator[Claim]:
        """Yield the limits that every request of *who* comes under, its key's first."""
        tenant = self.tenants[who.tenant]
        yield from claims(f"key {who.key}", tenant.each_key if who.limits is None else who.limits, now_us)
        yield from claims(f"tenant {who.tenant}", tenant.limits, now_us)

    def of_model(self, who: Identity, model: str, now_us: int) -> Iterator[Claim]:
        """Yield the limits that a request of *who* comes under where it reaches *model*."""
        tenant = self.tenants[who.tenant]
        yield from claims(f"tenant {who.tenant}, model {model}", tenant.models.get(model, UNLIMITED), now_us, model)
        yield from claims(f"model {model}", self.models.get(model, UNLIMITED), now_us, model, shared=True)
