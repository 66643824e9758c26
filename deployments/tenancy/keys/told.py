"""What an operator is shown of a key, which is never what it opens with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deployments.tenancy.keys.record import KeyRecord


def shown(record: KeyRecord, now_s: float) -> dict[str, Any]:
    """Return the record as JSON has it; *now_s* is Unix time."""
    told: dict[str, Any] = {
        "id": record.id,
        "state": record.state(now_s),
        "tenant": record.tenant,
        "name": record.name,
        "models": "all" if record.models is None else list(record.models),
        "nodes": "all" if record.nodes is None else list(record.nodes),
        "admin": record.admin,
        "limits": None if record.limits is None else dict(record.limits),
        "created": moment(record.created_s),
        "expires": moment(record.expires_s),
        "revoked": moment(record.revoked_s),
    }
    return told if record.account == record.id else {**told, "account": record.account}


def moment(unix_s: float | None) -> str | None:
    """Write a time as ISO 8601 has it, in UTC."""
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")
