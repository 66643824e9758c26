"""What each label means, and what bounds the values that it may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_TENANTS = 64


@dataclass(frozen=True, slots=True)
class Label:
    """One label: its ``meaning``, and why there are only so many ``values``."""

    meaning: str
    values: str


_MODELS = "names of the document, and adapters that are loaded"
_NODES = "nodes of the document's graph"

LABELS: Mapping[str, Label] = {
    "action": Label("what was done about it", "a fixed list"),
    "currency": Label("the currency", "those of the document's prices"),
    "device": Label("whose seconds", "`cpu`, `gpu`"),
    "direction": Label("which way a pool's size went", "`up`, `down`"),
    "endpoint": Label("the endpoint asked", "a fixed list"),
    "entry": Label(
        "the configured name that the client asked for; `unknown` where there is none of that name", _MODELS
    ),
    "error_type": Label("the error's code, empty where there was none", "a fixed list"),
    "found": Label("what was found", "a fixed list, and the words' groups of the document"),
    "gateway": Label("the gateway process that tells it", "gateways that run"),
    "gen_ai_operation_name": Label("OpenTelemetry's name of the endpoint", "a fixed list"),
    "gen_ai_provider_name": Label("who provides the model", "`tercet`"),
    "gen_ai_request_model": Label("as `entry`", _MODELS),
    "gen_ai_response_model": Label("as `model`", _MODELS),
    "gen_ai_token_type": Label("which tokens", "`input`, `output`"),
    "goal": Label("the goal", "goals of the document"),
    "group": Label("the class of tenants that an admission put a request in", "classes of the document"),
    "kind": Label("which of a kind", "a fixed list"),
    "model": Label("the model that answered, empty where none did", _MODELS),
    "node": Label("the graph's node", _NODES),
    "operation": Label("the operation", "a fixed list"),
    "outcome": Label("`ok`, what became of it, or an error's code", "a fixed list"),
    "pool": Label("the pool of engines", "models of the document"),
    "reason": Label("why", "a fixed list"),
    "replica": Label("the engine replica that tells it", "replicas that run"),
    "role": Label("whether it began what is shared, or joined it", "`first`, `joined`"),
    "stage": Label("the part of the whole", "a fixed list"),
    "target": Label("the node or model that a request was handed to", _MODELS),
    "tenant": Label(
        "the tenant, empty for what nobody asked for", f"the first {MOST_TENANTS} of a gateway; the rest is `(others)`"
    ),
    "unit": Label("the unit of what is counted", "a fixed list"),
}
