"""Who may call a gateway, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def callers(settings: Mapping[str, Any]) -> str:
    """Say who is let in by a gateway's *settings*."""
    access = settings.get("access")
    if access is None:
        return "whoever is on this machine, and nobody else: no `access` is configured"
    if access.get("open"):
        return "whoever reaches it, without a key: `access` is open"
    count = len(settings.get("tenants") or ())
    tokens = " or a token" if access.get("issuers") else ""
    return f"who shows a key{tokens}, of {count} tenant{'s' * (count != 1)}; keys and accounts are in {_place(access)}"


def _place(access: Mapping[str, Any]) -> str:
    store = access["store"]
    return str(store.get("sqlite") or store["redis"]["url"])
