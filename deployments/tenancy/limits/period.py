"""The days and months that amounts are counted for, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Per = Literal["day", "month", "ever"]
_DAYS_OF_ANY_MONTH = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One period: its name, part of an account's, and its end as Unix time in microseconds, None for no end."""

    name: str
    until_us: int | None


def period(per: Per, now_us: int) -> Period:
    """Return the period that *now_us* lies in."""
    if per == "ever":
        return Period(name="ever", until_us=None)
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    day = now.replace(hour=0, minute=0, second=0)
    if per == "day":
        return Period(name=f"{day:%Y-%m-%d}", until_us=_us(day + timedelta(days=1)))
    following = (day.replace(day=1) + timedelta(days=_DAYS_OF_ANY_MONTH)).replace(day=1)
    return Period(name=f"{day:%Y-%m}", until_us=_us(following))


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
