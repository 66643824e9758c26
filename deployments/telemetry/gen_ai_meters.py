"""OpenTelemetry's metrics for generative AI, for whoever has dashboards for those."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from deployments.request import Endpoint
from deployments.telemetry.catalogue import gen_ai
from deployments.telemetry.operations import PROVIDER, operation
from deployments.telemetry.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class GenAiCall:
    """One request that ended; ``model`` is empty where none answered."""

    endpoint: Endpoint
    asked: str
    model: str
    ended: Outcome
    per_token_s: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


class GenAiMeters:
    """Observes nothing unless it is ``on``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.on = False
        self._duration = gen_ai.DURATION.histogram(self.registry)
        self._ttft = gen_ai.TTFT.histogram(self.registry)
        self._per_token = gen_ai.TIME_PER_OUTPUT_TOKEN.histogram(self.registry)
        self._usage = gen_ai.TOKEN_USAGE.histogram(self.registry)

    def ended(self, call: GenAiCall) -> None:
        """Observe one request."""
        if not self.on:
            return
        labels = (operation(call.endpoint), PROVIDER, call.asked, call.model)
        ended = call.ended
        self._duration.labels(*labels, "" if ended.ok else ended.outcome).observe(ended.duration_s)
        if ended.ttft_s is not None:
            self._ttft.labels(*labels).observe(ended.ttft_s)
            self._usage.labels(*labels, "input").observe(call.prompt_tokens)
            self._usage.labels(*labels, "output").observe(call.completion_tokens)
        if call.per_token_s is not None:
            self._per_token.labels(*labels).observe(call.per_token_s)
