"""What is told of requests beyond what every gateway counts."""

from __future__ import annotations

from pydantic import Field

from deployments.quantities import Seconds, Share
from deployments.strict import Strict


class TraceSettings(Strict):
    """Which traces are kept, once a request has ended: ``share`` of all, and every one that failed or was slow.

    A request is slow whose first token took longer than ``slow_first_token``, or the whole longer than ``slow``; None
    is no limit. With ``content`` the texts of prompts and answers go into spans, each cut after ``content_limit``
    characters. Where traces go is said by OpenTelemetry's environment variables.
    """

    share: Share = 1.0
    slow_first_token: Seconds | None = Field(default=None, gt=0)
    slow: Seconds | None = Field(default=None, gt=0)
    content: bool = False
    content_limit: int = Field(default=4096, ge=1, le=65_536, strict=True)


class TelemetrySettings(Strict):
    """``gen_ai_metrics`` adds metrics under OpenTelemetry's names to ours."""

    gen_ai_metrics: bool = False
    traces: TraceSettings = TraceSettings()
