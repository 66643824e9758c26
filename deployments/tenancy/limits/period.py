"""The days and months that amounts are counted for, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

Per = Literal["day", "month", "ever"]
_DAYS_OF_ANY_MONTH = 31
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One period: its name, part of an account's, and its end as Unix time in microseconds, None for no end."""

    name: str
    until_us: int | None


def period(per: Per, now_us: int) -> Period:
    """Return the period that *now_us* lies in."""
    if per == "ever":
        return Period(name="ever", until_us=None)
    return _period(per, now_us // _DAY_US)


@lru_cache(maxsize=64)
def _period(per: Per, days: int) -> Period:
    """Return the period in which the day lies that many days after the first of Unix time; every request asks."""
    day = datetime.fromtimestamp(days * _DAY_US // 1_000_000, UTC)
    if per == "day":
        return Period(name=f"{day:%Y-%m-%d}", until_us=_us(day + timedelta(days=1)))
    following = (day.replace(day=1) + timedelta(days=_DAYS_OF_ANY_MONTH)).replace(day=1)
    return Period(name=f"{day:%Y-%m}", until_us=_us(following))


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
