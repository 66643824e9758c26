"""OpenTelemetry's metrics for generative AI as Prometheus has them, where ``telemetry.gen_ai_metrics`` asks for them.

Names, labels and buckets are those of the semantic conventions, with dots as underscores and the unit as a suffix.
"""

from __future__ import annotations

from typing import Any

from deployments.telemetry.catalogue import bounds
from deployments.telemetry.catalogue.series import Series

_CALL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


def _series(name: str, text: str, unit: str, *labels: str, **more: Any) -> Series:
    told = (*_CALL, *labels)
    return Series(name=f"gen_ai_{name}", kind="histogram", text=text, unit=unit, labels=told, optional=True, **more)


DURATION = _series(
    "server_request_duration_seconds", "Duration of a request.", "seconds", "error_type",
    bounds=bounds.GEN_AI_DURATION_S,
)  # fmt: skip
TTFT = _series(
    "server_time_to_first_token_seconds", "Time to the first token of an answer.", "seconds",
    bounds=bounds.GEN_AI_TTFT_S,
)  # fmt: skip
TIME_PER_OUTPUT_TOKEN = _series(
    "server_time_per_output_token_seconds", "Time per token after the first of an answer.", "seconds",
    bounds=bounds.GEN_AI_TOKEN_S,
)  # fmt: skip
TOKEN_USAGE = _series(
    "client_token_usage", "Tokens of a request and of its answer.", "tokens", "gen_ai_token_type",
    bounds=bounds.GEN_AI_TOKENS,
)  # fmt: skip
