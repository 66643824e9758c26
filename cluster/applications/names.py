"""What the parts of a served cluster are called in Ray."""

from __future__ import annotations

NAMESPACE = "tercet"
CONTROLLER = ("tercet-fleet", NAMESPACE)
GATEWAY_APP = "gateway"
