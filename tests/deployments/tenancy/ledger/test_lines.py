"""Lines that make no sense are refused where they are made."""

from __future__ import annotations

import pytest

from deployments.tenancy.ledger.lines import MOST, MOST_FLOW, Quota, Rate


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        ("amount is not in", {"amount": -1, "limit": 1}),
        ("amount is not in", {"amount": MOST + 1, "limit": 1}),
        ("limit is not in", {"amount": 1, "limit": -1}),
        ("sunk is more than amount", {"amount": 1, "limit": 1, "sunk": 2}),
    ],
)
def test_a_quota_is_bounded(told: str, fields: dict[str, int]) -> None:
    """So that sums stay whole in every store."""
    with pytest.raises(ValueError, match=told):
        Quota(account="a", **fields)


@pytest.mark.parametrize("per_minute", [0, -1, MOST_FLOW + 1])
def test_a_rate_flows(per_minute: int) -> None:
    """One of nothing a minute would divide by it."""
    with pytest.raises(ValueError, match="per_minute is not in"):
        Rate(account="a", amount=0, per_minute=per_minute, burst=1)
