"""Groups of tenants that share a prefix cache with nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from cluster.problems import path_of
from deployments.tenancy.spec import TenantSpec


def lonely(tenants: Mapping[str, TenantSpec]) -> Iterator[str]:
    """Say of each group of one that it shares nothing: most often another spells it otherwise."""
    members = Counter(spec.prefix_group for spec in tenants.values() if spec.prefix_group is not None)
    for name, spec in tenants.items():
        if spec.prefix_group is not None and members[spec.prefix_group] == 1:
            path = path_of(("tenants", name, "prefix_group"))
            yield f"{path} is no other tenant's, so {name} shares its prefix cache with nobody"
