"""What one call is charged, however often it reports."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from deployments.cost.charge import Charge
from deployments.cost.costs import Costs
from deployments.request import Context, Frame


def test_what_is_reported_again_is_charged_once() -> None:
    """Tokens and seconds are those of the whole call: a later report adds what has come since."""
    told: list[Charge] = []
    context = Context(request_id="r", deadline_s=time.monotonic() + 60, now=datetime.now(UTC), spent=told.append)
    charging = Costs().begin("dense", context)
    charging.reported(Frame(data=b"", prompt_tokens=10, seconds=2.0), 5)
    charging.reported(Frame(data=b"", prompt_tokens=10, seconds=3.0), 7)
    assert [(one.prompt_tokens, one.completion_tokens, one.seconds) for one in told] == [(10, 5, 2.0), (0, 2, 1.0)]
