"""Hours of days of the week, by the clocks of a time zone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer

from deployments.strict import Strict, not_empty

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = get_args(Day)
_MINUTES_OF_DAY = 24 * 60


def _clock(value: Any) -> Any:
    """Read ``08:30``, which YAML 1.1 takes for a number in base 60 where nobody has quoted it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MINUTES_OF_DAY:
        return time(*divmod(value, 60))
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(value, "%H:%M").time()
    except (TypeError, ValueError):
        raise ValueError("is not a time of day such as 08:30") from None


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone such as UTC or Europe/Berlin") from None
    return value


def _days(value: Any) -> Any:
    """Read days and spans of days, ``mon-fri`` or ``[sat, sun]``, into the days they name."""
    named: set[str] = set()
    for entry in value if isinstance(value, list | tuple) else [value]:
        first, _, last = entry.partition("-") if isinstance(entry, str) else ("", "", "")
        if first not in WEEK or (last or first) not in WEEK:
            raise ValueError(f"has {entry!r}, which is neither a day such as mon nor a span such as mon-fri")
        begin = WEEK.index(first)
        count = (WEEK.index(last or first) - begin) % 7 + 1
        named.update(WEEK[(begin + after) % 7] for after in range(count))
    return tuple(day for day in WEEK if day in named)


Clock = Annotated[time, BeforeValidator(_clock)]
Timezone = Annotated[str, AfterValidator(_zone)]


class Hours(Strict):
    """``from`` included, ``to`` not, on ``days``; the same time twice is the whole day.

    Hours over midnight belong to the day on which they begin.
    """

    days: Annotated[tuple[Day, ...], BeforeValidator(_days), AfterValidator(not_empty)] = WEEK
    start: Clock = Field(default=time(0), alias="from")
    end: Clock = Field(default=time(0), alias="to")

    @field_serializer("start", "end")
    def _short(self, value: time) -> str:
        return value.isoformat("minutes")


def contains(hours: Hours, now: datetime, timezone: str) -> bool:
    """Tell whether the aware moment *now* falls into the hours by the clocks of *timezone*."""
    local = now.astimezone(ZoneInfo(timezone))
    at, today = local.time(), WEEK[local.weekday()] in hours.days
    if hours.start < hours.end:
        return today and hours.start <= at < hours.end
    yesterday = WEEK[(local - timedelta(days=1)).weekday()] in hours.days
    return (today and at >= hours.start) or (yesterday and at < hours.end)


def written(hours: Hours, timezone: str) -> str:
    """Write the hours on one line: ``mon,tue 08:30-18:00 Europe/Berlin``."""
    days = "every day" if hours.days == WEEK else ",".join(hours.days)
    return f"{days} {hours.start.isoformat('minutes')}-{hours.end.isoformat('minutes')} {timezone}"
