"""A short name for one set of settings, by which a gateway says what it has."""

from __future__ import annotations

import hashlib
import json

from deployments.gateway.settings import GatewaySettings

LENGTH = 12


def fingerprint(settings: GatewaySettings) -> str:
    """Return the same text for the same settings in every process; the order of keys in the document is no matter."""
    plain = json.dumps(settings.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()[:LENGTH]
