"""Every kind of graph node, by the key that names it in the config. A new kind is one file here and one line below."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.graph.kind import Kind
from deployments.nodes import fallback, switch

KINDS: Mapping[str, Kind] = {
    "switch": switch.KIND,
    "fallback": fallback.KIND,
}
