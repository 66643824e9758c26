"""What is known of one request from its arrival to its last byte, for headers, metrics and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from deployments.cost.charge import Charge, Tally
from deployments.errors import BudgetExhausted, RateLimited
from deployments.objectives.tally import GoalTally
from deployments.request import Endpoint, Frame, Head
from deployments.telemetry.first_token import server_timing, stages
from deployments.telemetry.gen_ai_meters import GenAiCall
from deployments.telemetry.logs import event
from deployments.telemetry.metrics import Metrics
from deployments.telemetry.operations import PROVIDER, operation
from deployments.telemetry.outcome import Outcome
from deployments.telemetry.trace_content import answer
from deployments.telemetry.trace_context import trace_id
from deployments.telemetry.traces import Traces

UNKNOWN = "unknown"
REFUSED_BY_LIMITS = frozenset({RateLimited.code, BudgetExhausted.code})


class Exchange:
    """One request under way; times are on the gateway's monotonic clock, in seconds."""

    def __init__(self, request_id: str, endpoint: Endpoint, clock: Callable[[], float]) -> None:
        self.id = request_id
        self.endpoint = endpoint
        self.entry = UNKNOWN
        self.tenant = self.key = ""
        self.limits: Mapping[str, str] = {}
        self.client_headers: Mapping[str, str] = {}
        self.stream = False
        self.status = 0
        self.span: Any = None
        self.arrived_s = clock()
        self._clock = clock
        self._head: Head | None = None
        self._first_s = self._last_s = self.arrived_s
        self._tokens = self._prompt_tokens = self._first_tokens = 0
        self._delivered = False
        self._finish_reason: str | None = None
        self._texts: list[str] = []
        self.content_limit = self._room = 0
        self._cost = Tally()

    def saw(self, frame: Frame) -> None:
        """Take note of a frame."""
        self._last_s = self._clock()
        if frame.head is not None:
            self._answered_by(frame.head, frame.tokens)
        self._delivered = self._delivered or bool(frame.data)
        self._tokens += frame.tokens
        self._prompt_tokens = frame.prompt_tokens or self._prompt_tokens
        self._finish_reason = frame.finish_reason or self._finish_reason
        if self._room > 0 and frame.text:
            self._texts.append(frame.text)
            self._room -= len(frame.text)

    def keep_text(self, limit: int) -> None:
        """Keep the beginning of the answer's text for its trace, *limit* characters of it."""
        self.content_limit = self._room = limit

    def spent(self, charge: Charge) -> None:
        """Take note of what a call cost."""
        self._cost.add(charge)

    def _answered_by(self, head: Head, tokens: int) -> None:
        """Take note of a head: a later one replaces that of a branch which was given up, or of one that broke off."""
        if self._head is None or not self._delivered:
            self._head, self._first_s, self._tokens, self._first_tokens = head, self._last_s, 0, tokens
        else:
            # Whoever goes on with an answer did not begin it: the times stay those of its first token.
            self._head = msgspec.structs.replace(
                self._head, model=head.model, path=head.path, replica=head.replica, crossed=head.crossed
            )  # fmt: skip

    @property
    def title(self) -> str:
        """Return the name of the request's span."""
        return f"{self.endpoint} {self.entry}"

    @property
    def ttft_s(self) -> float:
        """Return the time from arrival to the first token."""
        return self._first_s - self.arrived_s

    @property
    def overhead_s(self) -> float | None:
        """Return the share of the time to first token that the engine did not take, None where it does not tell."""
        if self._head is None or self._head.engine_ttft_s is None:
            return None
        return max(0.0, self.ttft_s - self._head.engine_ttft_s)

    @property
    def _per_token_s(self) -> float | None:
        """Return the mean time of a token after those of the first frame, None where there are none."""
        # What was held until it was judged comes at once, and says nothing of the time between tokens.
        later = self._tokens - max(1, self._first_tokens)
        return (self._last_s - self._first_s) / later if later > 0 else None

    @property
    def stages(self) -> dict[str, float]:
        """Return what the time to first token was made of, as far as it is known, in seconds."""
        if self._head is None:
            return {}
        return stages(self._head, arrived_s=self.arrived_s, first_s=self._first_s)

    def headers(self) -> Iterator[tuple[str, str]]:
        """Yield the headers that say what is left of limits, who answered, and what the first token waited for."""
        yield from self.limits.items()
        if self._head is None:
            return
        yield "x-tercet-model", _header_safe(self._head.model)
        yield "x-tercet-path", _header_safe(">".join(self._head.path))
        yield "x-tercet-replica", _header_safe(self._head.replica)
        if self._head.engine_ttft_s is not None and self.overhead_s is not None:
            yield "x-tercet-engine-ttft-ms", f"{1000 * self._head.engine_ttft_s:.1f}"
            yield "x-tercet-framework-ttft-ms", f"{1000 * self.overhead_s:.1f}"
        for name, text in self._head.notes.items():
            yield f"x-tercet-{name}", _header_safe(text)
        yield from self._cost_headers()
        if parts := self.stages:
            yield "server-timing", server_timing(parts)

    def _cost_headers(self) -> Iterator[tuple[str, str]]:
        """Yield what the answer cost; of a stream nothing is known when it begins."""
        if self._cost.cpu_seconds or self._cost.gpu_seconds:
            yield "x-tercet-cpu-seconds", f"{self._cost.cpu_seconds:.6f}"
            yield "x-tercet-gpu-seconds", f"{self._cost.gpu_seconds:.6f}"
        for currency, amount in self._cost.amounts.items():
            yield f"x-tercet-cost-{currency}", f"{amount:.9f}"

    def finish(self, outcome: str, metrics: Metrics, traces: Traces, goals: GoalTally) -> None:
        """Count the request, hold it against the goals, log it and trace it."""
        model = self._head.model if self._head else ""
        duration_s = self._clock() - self.arrived_s
        ended = Outcome(outcome=outcome, duration_s=duration_s, ttft_s=self.ttft_s if self._head else None)
        exemplar = traces.exemplar(self.span, ended)
        metrics.requests.labels(self.entry, model, self.endpoint, outcome).inc()
        metrics.duration.labels(self.entry, self.endpoint).observe(duration_s, exemplar)
        if self._head is not None:
            self._count_answer(model, metrics, exemplar)
        if outcome in REFUSED_BY_LIMITS:
            metrics.tenant_refused(self.tenant, outcome)
        goals.ended(self.entry, ended)
        metrics.gen_ai.ended(self._gen_ai(model, ended))
        event("request", **self._fields(outcome, duration_s))
        traces.record(
            self.title,
            request=self.id,
            headers=self.client_headers,
            ended=ended,
            stages=self.stages,
            attributes=self._attributes(model),
            span=self.span,
        )

    def _count_answer(self, model: str, metrics: Metrics, exemplar: dict[str, str] | None) -> None:
        metrics.ttft.labels(self.entry, model).observe(self.ttft_s, exemplar)
        metrics.answered(self._head.path[: self._head.crossed] if self._head else (), self.ttft_s)
        metrics.tokens.labels(model, "prompt").inc(self._prompt_tokens)
        metrics.tokens.labels(model, "completion").inc(self._tokens)
        if (per_token_s := self._per_token_s) is not None:
            metrics.time_per_output_token.labels(model).observe(per_token_s, exemplar)
        if self.overhead_s is not None:
            metrics.overhead.labels(model).observe(self.overhead_s)
        for stage, seconds in self.stages.items():
            metrics.first_token.labels(model, stage).observe(seconds)

    def _gen_ai(self, model: str, ended: Outcome) -> GenAiCall:
        return GenAiCall(
            endpoint=self.endpoint,
            asked=self.entry,
            model=model,
            ended=ended,
            per_token_s=self._per_token_s if self._head else None,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._tokens,
        )

    def _attributes(self, model: str) -> dict[str, Any]:
        """Return a span's attributes (OpenTelemetry's conventions for generative AI, and two of our own)."""
        return {
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.operation.name": operation(self.endpoint),
            "gen_ai.request.model": self.entry,
            "gen_ai.response.model": model or None,
            "gen_ai.usage.input_tokens": self._prompt_tokens,
            "gen_ai.usage.output_tokens": self._tokens,
            "gen_ai.response.finish_reasons": [self._finish_reason] if self._finish_reason else None,
            "tercet.tenant": self.tenant or None,
            "tercet.path": ">".join(self._head.path) if self._head else None,
            **answer("".join(self._texts), self.content_limit),
        }

    def _fields(self, outcome: str, duration_s: float) -> dict[str, Any]:
        head = self._head
        return {
            "request_id": self.id,
            **trace_id(self.span),
            "endpoint": self.endpoint,
            "entry": self.entry,
            "model": head.model if head else None,
            "path": ">".join(head.path) if head else None,
            "replica": head.replica if head else None,
            "tenant": self.tenant,
            **({"key": self.key} if self.key else {}),
            "stream": self.stream,
            "status": self.status,
            "outcome": outcome,
            "duration_s": round(duration_s, 6),
            "ttft_s": round(self.ttft_s, 6) if head else None,
            "first_token_stages_s": {stage: round(seconds, 6) for stage, seconds in self.stages.items()} or None,
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._tokens,
            "cost": dict(self._cost.sums()) or None,
        }


def _header_safe(text: str) -> str:
    """Keep ASCII as it is; names in other scripts are percent-encoded."""
    return quote(text, safe="!#$&'()*+,/:;<=>?@[]^`{|} ")
