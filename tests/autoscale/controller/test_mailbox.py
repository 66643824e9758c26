"""What Serve is told, without Serve."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autoscale.controller import mailbox
from autoscale.controller.mailbox import Mailbox, replicas_to_have


def context(*, target: int = 2, requests: float = 0.0, low: int = 0, high: int = 4) -> Any:
    """The part of Serve's context that the mailbox reads."""
    return SimpleNamespace(
        target_num_replicas=target,
        total_num_requests=requests,
        capacity_adjusted_min_replicas=low,
        capacity_adjusted_max_replicas=high,
    )


@pytest.mark.parametrize(
    ("published", "given", "answer"),
    [
        (3, {}, 3),
        (0, {}, 0),
        (None, {"target": 2}, 2),
        (9, {"high": 4}, 4),
        (0, {"low": 1}, 1),
        (0, {"requests": 1.0}, 1),
        (2, {"requests": 50.0}, 2),
    ],
)
def test_hands_over_what_was_published(published: int | None, given: dict[str, Any], answer: int) -> None:
    """Inside Serve's bounds; unchanged where nothing was published; not none while a request waits."""
    assert replicas_to_have(published, context(**given)) == answer


def test_holds_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception here would stop Serve's control loop, so there is none."""

    class Failing:
        def target(self, pool: str) -> int | None:
            raise RuntimeError(pool)

    monkeypatch.setattr(mailbox, "subscribe", lambda _: Failing())
    policy = Mailbox(pool="dense", namespace="n")
    assert [policy(context(target=3)) for _ in range(2)] == [(3, {}), (3, {})]
