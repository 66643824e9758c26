"""Schedules: hours of a day, on some days of the week, in a time zone of their own."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer, model_validator

from deployments.strict import Strict, not_empty

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = get_args(Day)
MIDNIGHT = time(0, 0)


def _clock_time(value: Any) -> Any:
    """Read ``22:00``; YAML 1.1 turns an unquoted 22:00 into 1320, which is the same moment in minutes."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    try:
        return value if isinstance(value, time) else datetime.strptime(value, "%H:%M").time()
    except (TypeError, ValueError):
        raise ValueError("is not a time of day such as 22:00") from None


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone such as UTC or Asia/Shanghai") from None
    return value


def _days(value: Any) -> Any:
    """Read names of days and spans such as ``fri-mon``, each day once and in the order of the week."""
    found = {day for entry in (value if isinstance(value, list | tuple) else [value]) for day in _span(entry)}
    return tuple(day for day in WEEK if day in found)


def _span(entry: Any) -> tuple[Day, ...]:
    first, dash, last = entry.partition("-") if isinstance(entry, str) else ("", "", "")
    last = last if dash else first
    if first not in WEEK or last not in WEEK:
        raise ValueError(f"has {entry!r}, which is neither a day such as mon nor a span such as mon-fri")
    begin, end = WEEK.index(first), WEEK.index(last)
    return WEEK[begin : end + 1] if begin <= end else (*WEEK[begin:], *WEEK[: end + 1])


def _date(value: Any) -> Any:
    try:
        return value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("is not a date such as 2026-12-25") from None


ClockTime = Annotated[time, BeforeValidator(_clock_time)]
Timezone = Annotated[str, AfterValidator(_timezone)]


class TimeOfDay(Strict):
    """Hours of the day, ``from`` included and ``to`` not; they may span midnight."""

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    timezone: Timezone = "UTC"

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("from and to are the same time, which no moment falls between")
        return self

    @field_serializer("start", "end")
    def _short(self, value: time) -> str:
        return value.isoformat("minutes")


class Hours(Strict):
    """A weekly schedule; without ``from`` and ``to`` it is about whole days, without ``days`` about all of them.

    Hours that span midnight belong to the day on which they begin. On the dates in ``except`` none begin.
    """

    days: Annotated[tuple[Day, ...], BeforeValidator(_days), AfterValidator(not_empty)] = WEEK
    start: ClockTime = Field(default=MIDNIGHT, alias="from")
    end: ClockTime = Field(default=MIDNIGHT, alias="to")
    timezone: Timezone = "UTC"
    closed: tuple[Annotated[date, BeforeValidator(_date)], ...] = Field(default=(), alias="except")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end != MIDNIGHT:
            raise ValueError("from and to are the same time, which no moment falls between")
        if self == Hours.model_construct(timezone=self.timezone):
            raise ValueError("is always; write days, from and to, or except")
        return self

    @field_serializer("start", "end")
    def _short(self, value: time) -> str:
        return value.isoformat("minutes")


def in_time_of_day(wanted: TimeOfDay, now: datetime) -> bool:
    """Tell whether the aware moment *now* falls into the hours, which may span midnight."""
    at = now.astimezone(ZoneInfo(wanted.timezone)).time()
    if wanted.start < wanted.end:
        return wanted.start <= at < wanted.end
    return at >= wanted.start or at < wanted.end


def in_hours(wanted: Hours, now: datetime) -> bool:
    """Tell whether the aware moment *now* falls into the schedule, by the clocks of its time zone."""
    local = now.astimezone(ZoneInfo(wanted.timezone))
    at, today = local.time(), local.date()
    if wanted.start < wanted.end:
        return wanted.start <= at < wanted.end and _begins(wanted, today)
    evening = at >= wanted.start and _begins(wanted, today)
    return evening or (at < wanted.end and _begins(wanted, today - timedelta(days=1)))


def local_moment(timezone: str, now: datetime) -> str:
    """Write *now* as the clocks of *timezone* show it."""
    return f"{now.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M} {timezone}"


def written(wanted: Hours) -> str:
    """Write a schedule on one line: ``mon–fri 09:00–18:00 Asia/Shanghai, not 2026-12-25``."""
    days = "" if wanted.days == WEEK else " ".join(_runs(wanted.days))
    whole = wanted.start == wanted.end
    hours = "" if whole else f"{wanted.start.isoformat('minutes')}–{wanted.end.isoformat('minutes')}"
    closed = f", not {', '.join(map(str, wanted.closed))}" if wanted.closed else ""
    return " ".join(part for part in (days, hours, wanted.timezone) if part) + closed


def _runs(days: tuple[Day, ...]) -> list[str]:
    """Return days in the order of the week with neighbours drawn together."""
    runs: list[list[Day]] = []
    for day in days:
        if runs and WEEK.index(day) == WEEK.index(runs[-1][-1]) + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]


def _begins(wanted: Hours, day: date) -> bool:
    return WEEK[day.weekday()] in wanted.days and day not in wanted.closed
