"""Whether a request's trace is worth keeping. Pure."""

from __future__ import annotations

from deployments.telemetry.outcome import Outcome
from deployments.telemetry.settings import TraceSettings

_SPACE = 2**64


def worth_keeping(settings: TraceSettings, trace_id: int, ended: Outcome) -> bool:
    """Say whether a request that has ended failed, was slow, or is one of the share that is kept of all.

    The share is taken by the trace's id, as OpenTelemetry does, so that a trace which several calls of a client are in
    is kept whole.
    """
    if not ended.ok and not ended.left:
        return True
    if settings.slow is not None and ended.duration_s > settings.slow:
        return True
    waited_s = ended.duration_s if ended.ttft_s is None else ended.ttft_s
    if settings.slow_first_token is not None and waited_s > settings.slow_first_token:
        return True
    return trace_id % _SPACE < round(settings.share * _SPACE)
