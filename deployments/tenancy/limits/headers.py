"""What clients are told of limits: ``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, as OpenAI has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployments.tenancy.ledger.lines import Balance
from deployments.tenancy.limits.claims import Claim

_NAMES = {"call": "requests", "tokens": "tokens"}
_HOUR_S, _MINUTE_S, _SECOND_MS = 3600, 60, 1000


def ratelimit_headers(told: Iterable[tuple[Claim, Balance]]) -> Mapping[str, str]:
    """Return the headers: of several limits on one thing the one that will be reached first.

    What all tenants have together is nobody's to watch.
    """
    tightest: dict[str, Balance] = {}
    for claim, balance in told:
        name = None if claim.shared else _NAMES.get(claim.counts)
        if name is not None and (name not in tightest or balance.remaining < tightest[name].remaining):
            tightest[name] = balance
    return dict(header for name, balance in tightest.items() for header in _headers(name, balance))


def _headers(name: str, balance: Balance) -> Iterator[tuple[str, str]]:
    yield f"x-ratelimit-limit-{name}", str(balance.limit)
    yield f"x-ratelimit-remaining-{name}", str(balance.remaining)
    if balance.reset_us is not None:
        yield f"x-ratelimit-reset-{name}", duration(balance.reset_us)


def duration(span_us: int) -> str:
    """Write a time as ``20ms``, ``8.64s``, ``1m6.4s`` or ``23h59m58s``, rounded up to milliseconds."""
    millis = -(-span_us // 1000)
    if millis < _SECOND_MS:
        return f"{millis}ms" if millis else "0s"
    seconds, rest = divmod(millis, _SECOND_MS)
    hours, seconds = divmod(seconds, _HOUR_S)
    minutes, seconds = divmod(seconds, _MINUTE_S)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{seconds}{fraction}s"
