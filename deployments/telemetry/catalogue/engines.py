"""Engine replicas, whichever engine they hold."""

from __future__ import annotations

from typing import Any

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Kind, Series


def _series(name: str, kind: Kind, text: str, unit: str, **more: Any) -> Series:
    labels = ("pool", "replica")
    return Series(
        name=f"tercet_engine_{name}", kind=kind, text=text, unit=unit, labels=labels, told_by="replica", **more
    )


RUNNING = _series("running", "gauge", "Sequences in the engine's batch.", "sequences")
WAITING = _series("waiting", "gauge", "Sequences in the engine's queue.", "sequences")
SLOTS = _series("slots", "gauge", "Sequences that the engine runs at once.", "sequences")
KV_USED = _series("kv_used_ratio", "gauge", "Share of the KV cache's blocks in use.", "share")
PROMPT_TOKENS = _series("prompt_tokens", "counter", "Prompt tokens computed or found in the prefix cache.", "tokens")
GENERATED_TOKENS = _series("generated_tokens", "counter", "Tokens generated.", "tokens")
PREEMPTIONS = _series("preemptions", "counter", "Sequences taken out of the batch for want of KV cache.", "sequences")
ABORTED = _series("aborted", "counter", "Requests that were ended before they had finished.", "requests")
PREFIX_QUERIES = _series("prefix_queries", "counter", "Prompt tokens looked for in the prefix cache.", "tokens")
PREFIX_HITS = _series("prefix_hits", "counter", "Prompt tokens found in the prefix cache.", "tokens")
DRAFTED = _series("drafted_tokens", "counter", "Tokens speculated.", "tokens")
ACCEPTED = _series("accepted_tokens", "counter", "Speculated tokens that proved right.", "tokens")
TTFT = _series(
    "ttft_seconds", "histogram", "The engine's acceptance of a request to its first token.", "seconds",
    bounds=bounds.LATENCY_S,
)  # fmt: skip
INTER_TOKEN = _series(
    "inter_token_seconds", "histogram", "From one token of a sequence to the next.", "seconds", bounds=bounds.LATENCY_S
)
