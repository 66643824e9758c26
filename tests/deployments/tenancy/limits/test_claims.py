"""From what is configured to lines of the ledger, and from balances to headers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.errors import BudgetExhausted, RateLimited
from deployments.tenancy.ledger.lines import Balance, Quota, Rate, Refused
from deployments.tenancy.limits.claims import Claim, claims
from deployments.tenancy.limits.headers import duration, ratelimit_headers
from deployments.tenancy.limits.period import period
from deployments.tenancy.limits.price import cost_of
from deployments.tenancy.limits.refusal import refusal
from deployments.tenancy.limits.spec import Allotment, BudgetSpec
from deployments.tenancy.limits.usage import Usage


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type,misc]


NOON = at(2026, 12, 31, 12)
FULL = Allotment.model_validate(
    {
        "requests_per_minute": 60,
        "tokens_per_minute": 1000,
        "burst": 0.5,
        "concurrent": 3,
        "calls_per_day": 100,
        "budgets": [{"cost": 1.5, "per": "month"}, {"tokens": 9000, "per": "ever"}, {"compute": "2s", "per": "day"}],
    }
)


def test_every_limit_becomes_a_line() -> None:
    """Of its own account, whose name says whose it is, what it counts and for which period."""
    most, sunk = Usage(tokens=70, cost=5, compute=9), Usage(tokens=7)
    lines = [claim.held(most, sunk) for claim in claims("tenant a", FULL, NOON)]
    year_us = at(2027, 1, 1)
    assert lines == [
        Rate(account="tenant a|requests", amount=1, sunk=1, per_minute=60, burst=30),
        Rate(account="tenant a|tokens", amount=70, sunk=7, per_minute=1000, burst=500),
        Quota(account="tenant a|places", amount=1, limit=3),
        Quota(account="tenant a|calls|2026-12-31", amount=1, sunk=1, limit=100, until_us=year_us),
        Quota(account="tenant a|cost|2026-12", amount=5, limit=1_500_000, until_us=year_us),
        Quota(account="tenant a|tokens|ever", amount=70, sunk=7, limit=9000),
        Quota(account="tenant a|compute|2026-12-31", amount=9, limit=2_000_000, until_us=year_us),
    ]


def test_what_is_settled_is_what_was_used() -> None:
    """A call is one, a place is given back, units are counted."""
    used = [claim.used(Usage(tokens=3, cost=4, compute=5)) for claim in claims("t", FULL, NOON)]
    assert used == [1, 3, 0, 1, 4, 3, 5]


def test_what_is_not_limited_claims_nothing() -> None:
    """So that no store is asked."""
    assert list(claims("t", Allotment(), NOON)) == []


@given(st.integers(0, 4_000_000_000))
def test_a_period_holds_its_moment_and_ends_at_the_next(second: int) -> None:
    """Days and months follow each other without a gap."""
    now = second * 1_000_000
    for per in ("day", "month"):
        this = period(per, now)
        assert this.until_us is not None
        assert this.until_us > now
        assert period(per, this.until_us - 1) == this
        assert period(per, this.until_us).name > this.name
    assert period("ever", now).until_us is None


@pytest.mark.parametrize(
    ("span_us", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (20_000, "20ms"),
        (8_640_000, "8.64s"),
        (66_400_000, "1m6.4s"),
        (360_000_000, "6m0s"),
        (86_398_000_000, "23h59m58s"),
        (3_600_000_000, "1h0m0s"),
    ],
)
def test_durations_are_written_as_clients_read_them(span_us: int, text: str) -> None:
    """OpenAI's own clients parse these."""
    assert duration(span_us) == text


def test_headers_tell_the_limit_that_is_reached_first() -> None:
    """Of requests and of tokens each; what is neither is not told."""
    requests, tokens, places, calls, cost, *_ = claims("t", FULL, NOON)
    told = ratelimit_headers(
        [
            (requests, Balance(account="1", limit=30, remaining=29, reset_us=1_000_000)),
            (calls, Balance(account="2", limit=100, remaining=3, reset_us=7_200_000_000)),
            (tokens, Balance(account="3", limit=500, remaining=11, reset_us=1000)),
            (places, Balance(account="4", limit=3, remaining=0, reset_us=None)),
            (cost, Balance(account="5", limit=9, remaining=0, reset_us=None)),
        ]
    )
    assert told == {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "3",
        "x-ratelimit-reset-requests": "2h0m0s",
        "x-ratelimit-limit-tokens": "500",
        "x-ratelimit-remaining-tokens": "11",
        "x-ratelimit-reset-tokens": "1ms",
    }


def refused(claim: Claim, wait_us: int | None, *, never: bool = False) -> Refused:
    return Refused(balance=Balance(account="a", limit=7, remaining=0, reset_us=None), wait_us=wait_us, never=never)


def test_a_refusal_says_whose_limit_and_how_long() -> None:
    """A budget's is an error of its own; where no waiting helps none is advised."""
    requests, tokens, places, _, cost, *_ = claims("tenant a", FULL, NOON)
    limited = refusal(requests, refused(requests, 1_500_000))
    assert isinstance(limited, RateLimited)
    assert (limited.status, limited.retry_after_s) == (429, 1.5)
    assert limited.message == "tenant a: 7 requests a minute are used up"
    spent = refusal(cost, refused(cost, None))
    assert isinstance(spent, BudgetExhausted)
    assert (spent.status, spent.kind, spent.retry_after_s) == (429, "insufficient_quota", None)
    assert "lower max_tokens" in refusal(tokens, refused(tokens, None, never=True)).message
    assert refusal(places, refused(places, None)).retry_after_s == 1.0


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"requests_per_minute": 0}, "greater than or equal to 1"),
        ({"tokens_per_minute": 1.5}, "integer"),
        ({"request_per_minute": 5}, "did you mean requests_per_minute"),
        ({"burst": 0}, "greater than 0"),
        ({"budgets": [{"per": "day"}]}, "no unit or of two"),
        ({"budgets": [{"cost": 1, "tokens": 5}]}, "no unit or of two"),
        ({"budgets": [{"cost": 1}, {"cost": 2}]}, "two budgets of cost per month"),
        ({"budgets": [{"cost": 1e18}]}, "less than or equal"),
        ({"budgets": [{"cost": 1, "per": "week"}]}, "'day', 'month' or 'ever'"),
    ],
)
def test_what_cannot_be_meant_is_refused(section: dict[str, object], told: str) -> None:
    """By name, with the way out."""
    with pytest.raises(ValidationError, match=told):
        Allotment.model_validate(section)


def test_money_is_counted_in_millionths() -> None:
    """Without the fractions of floating point."""
    assert BudgetSpec(cost=0.1).limit == 100_000
    assert BudgetSpec(cost=1234.56).limit == 1_234_560_000
    assert BudgetSpec(tokens=5).limit == 5


def test_tokens_are_priced_as_written_and_rounded_up() -> None:
    """Three million at 0.1 are 0.3, not a hair more."""
    assert cost_of(3_000_000, 0.1) == 300_000
    assert cost_of(1, 0.1) == 1
    assert cost_of(1000, 1e-05) == 1
    assert cost_of(10**12, 15.0) == 15 * 10**12
    assert cost_of(0, 15.0) == 0


def test_what_tenants_have_together_is_told_to_none() -> None:
    """Its rest would say what the others use, also where nothing of the caller's own is tighter."""
    own = next(claims("tenant a", FULL, NOON))
    all_of_us = next(claims("model dense", FULL, NOON, "dense", shared=True))
    few, many = (Balance(account="x", limit=60, remaining=left, reset_us=None) for left in (1, 50))
    assert ratelimit_headers([(own, many), (all_of_us, few)])["x-ratelimit-remaining-requests"] == "50"
    assert ratelimit_headers([(all_of_us, few)]) == {}
