"""A key's end, which only ever comes nearer."""

from __future__ import annotations

import msgspec

from deployments.tenancy.keys.record import KeyRecord


def shortened(record: KeyRecord, expires_s: float | None, revoked_s: float | None) -> KeyRecord:
    """Return the record with its ends at the given times, or where they were if that is earlier."""
    return msgspec.structs.replace(
        record,
        expires_s=_earlier(record.expires_s, expires_s),
        revoked_s=_earlier(record.revoked_s, revoked_s),
    )


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((end for end in (one, other) if end is not None), default=None)
