"""Weekly schedules in time zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.graph.predicates import holds, verdicts
from deployments.graph.subject import Subject
from deployments.graph.when import When
from deployments.hours import WEEK, Hours, in_hours, written
from tests.deployments.scripted import chat, context

OFFICE = {
    "days": ["mon-fri"], "from": "09:00", "to": "18:00", "timezone": "Asia/Shanghai", "except": ["2026-12-25"],
}  # fmt: skip


def hours(**written: Any) -> Hours:
    return Hours.model_validate(written)


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-12-24T00:59", False),  # Thursday 08:59 in Shanghai
        ("2026-12-24T01:00", True),
        ("2026-12-24T09:59", True),
        ("2026-12-24T10:00", False),
        ("2026-12-25T02:00", False),  # a holiday
        ("2026-12-26T02:00", False),  # a Saturday
        ("2026-12-27T23:30", False),  # Monday 07:30
        ("2026-12-28T01:30", True),
    ],
)
def test_office_hours(utc: str, expected: bool) -> None:
    """Days, hours and holidays are those of the time zone."""
    now = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    when = When.model_validate({"hours": OFFICE})
    assert holds(when, Subject(chat(), context(now=now))) is expected


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    """Friday night goes on into Saturday; Saturday night is not one of Friday's."""
    friday = hours(days="fri", **{"from": "22:00", "to": "06:00"})
    at = {"2026-12-04T23:00": True, "2026-12-05T05:59": True, "2026-12-05T06:00": False, "2026-12-05T23:00": False}
    at["2026-12-04T05:00"] = False
    assert {moment: in_hours(friday, datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in at} == at


@given(
    st.sets(st.sampled_from(WEEK), min_size=1),
    st.tuples(st.times(), st.times()).filter(lambda pair: pair[0] != pair[1]),
    st.sets(st.dates(date(2026, 3, 1), date(2026, 3, 31)), max_size=4),
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 31)),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Chatham"]),
)
def test_a_moment_is_inside_exactly_where_some_day_of_the_schedule_reaches(
    days: set[Any], span: tuple[time, time], closed: set[date], moment: datetime, zone: str
) -> None:
    """What the definition says, day by day: hours begin on a day that counts and run until their end."""
    begin, end = span[0].replace(second=0, microsecond=0), span[1].replace(second=0, microsecond=0)
    if begin == end:
        return
    schedule = hours(days=sorted(days), timezone=zone, **{"from": begin, "to": end, "except": sorted(closed)})
    now = moment.replace(tzinfo=UTC)
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    reached = False
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        if WEEK[day.weekday()] in days and day not in closed:
            until = datetime.combine(day + timedelta(days=end < begin), end)
            reached = reached or datetime.combine(day, begin) <= local < until
    assert in_hours(schedule, now) is reached


def test_whole_days() -> None:
    """Without hours a schedule is about days."""
    weekend = hours(days=["sat", "sun"])
    assert in_hours(weekend, datetime(2026, 12, 5, tzinfo=UTC))
    assert in_hours(weekend, datetime(2026, 12, 6, 23, 59, tzinfo=UTC))
    assert not in_hours(weekend, datetime(2026, 12, 7, tzinfo=UTC))


def test_spans_of_days_go_round_the_week_and_are_written_out() -> None:
    """And are read back as they were."""
    read = hours(days=["fri-mon", "wed"])
    assert read.days == ("mon", "wed", "fri", "sat", "sun")
    dumped = read.model_dump(mode="json", by_alias=True)
    assert Hours.model_validate(dumped) == read
    office = hours(**OFFICE)
    assert Hours.model_validate(office.model_dump(mode="json", by_alias=True)) == office


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (OFFICE, "mon–fri 09:00–18:00 Asia/Shanghai, not 2026-12-25"),
        ({"days": ["fri-mon", "wed"]}, "mon wed fri–sun UTC"),
        ({"from": "22:00", "to": "06:00"}, "22:00–06:00 UTC"),
    ],
)
def test_written_on_one_line(schedule: dict[str, Any], line: str) -> None:
    """For drawings of a graph."""
    assert written(hours(**schedule)) == line


def test_explained_by_the_clocks_of_the_zone() -> None:
    """With the day and the date that decide."""
    now = datetime(2026, 12, 24, 16, 30, tzinfo=UTC)
    (one,) = verdicts(When.model_validate({"hours": OFFICE}), Subject(chat(), context(now=now)))
    assert (one.name, one.holds, one.seen) == ("hours", False, "Fri 2026-12-25 00:30 Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "place", "told"),
    [
        ({"days": ["mon-fryday"]}, "days", "neither a day such as mon nor a span"),
        ({"days": []}, "days", "is empty"),
        ({"from": "09:00", "to": "09:00"}, "", "same time"),
        ({}, "", "is always"),
        ({"timezone": "UTC"}, "", "is always"),
        ({"days": "mon", "except": ["25.12.2026"]}, "except.0", "is not a date such as 2026-12-25"),
        ({"days": "mon", "except": [20261225]}, "except.0", "is not a date such as 2026-12-25"),
        ({"days": "mon", "timezone": "Mars"}, "timezone", "is not a time zone"),
        ({"days": "mon", "form": "09:00"}, "form", "did you mean from?"),
    ],
)
def test_what_is_refused(written: dict[str, Any], place: str, told: str) -> None:
    """At its place, with the way out."""
    with pytest.raises(ValidationError) as caught:
        hours(**written)
    assert told in {".".join(map(str, line["loc"])): line["msg"] for line in caught.value.errors()}[place]
