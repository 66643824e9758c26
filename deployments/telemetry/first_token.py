"""What the wait for a first token was made of: the gateway's shares, the way between, and the engine's."""

from __future__ import annotations

from deployments.request import Head

STAGES = ("routing", "queue", "render", "engine_queue", "prefill", "relay")


def stages(head: Head, *, arrived_s: float, first_s: float) -> dict[str, float]:
    """Return the seconds of each stage that is known; where all are, they sum to the time to first token.

    ``routing``: arrival to the choice of a replica (body, graph, attempts that failed), without ``queue``, the wait for
    one that can take the call. ``render``: chat template, tokenizer and rendering in the replica. ``engine_queue`` and
    ``prefill`` are the engine's own. ``relay``: both ways between gateway and replica. All times are on the gateway's
    clock but for the replica's and the engine's durations.
    """
    found: dict[str, float] = {}
    if head.sent_s is not None:
        queued_s = head.queued_s or 0.0
        found["routing"] = head.sent_s - arrived_s - queued_s
        found["queue"] = queued_s
    if head.engine_ttft_s is not None and head.engine_queue_s is not None:
        found["engine_queue"] = head.engine_queue_s
        found["prefill"] = head.engine_ttft_s - head.engine_queue_s
    if head.replica_s is not None and head.engine_ttft_s is not None:
        found["render"] = head.replica_s - head.engine_ttft_s
    if head.replica_s is not None and head.sent_s is not None:
        found["relay"] = first_s - head.sent_s - head.replica_s
    return {stage: max(0.0, found[stage]) for stage in STAGES if stage in found}


def server_timing(durations: dict[str, float]) -> str:
    """Render the value of a Server-Timing header, in milliseconds (W3C Server Timing)."""
    return ", ".join(f"{stage};dur={1000 * seconds:.1f}" for stage, seconds in durations.items())
