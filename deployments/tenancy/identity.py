"""Who calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployments.adapters import ALL, served_name, split_name
from deployments.tenancy.limits.spec import Allotment

Names = frozenset[str] | None
Allows = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """What a caller may ask for: ``models`` and graph ``nodes`` by name, None for all; ``admin`` the admin routes.

    An adapter may have been trained on what is another tenant's, and new ones come while the cluster serves: ``dense``
    is the model without any, ``dense:legal`` with that one, ``dense:*`` without and with all that there ever are.
    Whoever may ask for a node gets what the node leads to.
    """

    models: Names = None
    nodes: Names = None
    admin: bool = False

    def model(self, name: str) -> bool:
        """Say whether a model, with an adapter or without, may be asked for."""
        return self.models is None or name in self.models or served_name(split_name(name)[0], ALL) in self.models

    def node(self, name: str) -> bool:
        """Say whether a graph node may be asked for."""
        return self.nodes is None or name in self.nodes

    def within(self, other: Scopes) -> Scopes:
        """Return what both allow; an adapter by name holds where the other has all of its model."""
        return Scopes(
            models=_both(self.models, other.models, self.model, other.model),
            nodes=_both(self.nodes, other.nodes, self.node, other.node),
            admin=self.admin and other.admin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One caller: its tenant, and within that the ``key`` or subject that it showed; logs and accounts name both.

    ``limits`` are the key's own, None for those that every key of its tenant has.
    """

    tenant: str
    key: str
    scopes: Scopes = Scopes()
    limits: Allotment | None = None


def _both(ours: Names, theirs: Names, we: Allows, they: Allows) -> Names:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return frozenset(name for name in ours | theirs if we(name) and they(name))
