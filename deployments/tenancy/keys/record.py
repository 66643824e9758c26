"""What is known of one key, and when it is good for anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.limits.spec import Allotment

State = Literal["active", "expired", "revoked"]


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One key; times are Unix time in seconds, None for never.

    ``models`` and ``nodes`` are what it may ask for, None for all that its tenant may. A key that replaces another
    ``account``s for the same limits and budgets: the account is the first one's id. ``limits`` are its own, written as
    in a configuration, and take the place of those that every key of its tenant has.
    """

    id: str
    digest: bytes
    tenant: str
    account: str
    created_s: float
    name: str = ""
    models: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    admin: bool = False
    expires_s: float | None = None
    revoked_s: float | None = None
    limits: Mapping[str, Any] | None = None

    def state(self, now_s: float) -> State:
        """Say whether the key opens anything."""
        if self.revoked_s is not None and self.revoked_s <= now_s:
            return "revoked"
        return "expired" if self.expires_s is not None and self.expires_s <= now_s else "active"

    def identity(self) -> Identity:
        """Return who holds it; raises ValueError where its limits are written as no version until this one has them."""
        models = None if self.models is None else frozenset(self.models)
        nodes = None if self.nodes is None else frozenset(self.nodes)
        return Identity(
            tenant=self.tenant,
            key=self.account,
            scopes=Scopes(models=models, nodes=nodes, admin=self.admin),
            limits=None if self.limits is None else Allotment.model_validate(self.limits),
        )
