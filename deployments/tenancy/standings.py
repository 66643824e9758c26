"""How the configured tenants stand to each other, as the data path is told it."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.standing import ALONE, Standing
from deployments.tenancy.spec import TenantSpec

_UNKNOWN = TenantSpec(stay_local=True)


def standing_of(name: str, tenants: Mapping[str, TenantSpec]) -> Standing:
    """Return the standing of the tenant *name*, the usual one where there are no *tenants*.

    One that is not among them, which nobody lets in, would share nothing with any other and stay local.
    """
    if not tenants:
        return ALONE
    return _standing(name, tenants.get(name, _UNKNOWN))


def _standing(name: str, spec: TenantSpec) -> Standing:
    # A group and a tenant may have the same name.
    prefixes = f"tenant {name}" if spec.prefix_group is None else f"group {spec.prefix_group}"
    return Standing(account=name, weight=spec.weight, prefixes=prefixes, stays_local=spec.stay_local)
