from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from planloom.errors import ArgumentError, SkillError
from planloom.skills import TimeSkill

MOMENT = datetime(2031, 1, 12, 21, 5, 7, tzinfo=UTC)  # a Sunday
time = TimeSkill(now=lambda: MOMENT, timezone=UTC)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (time.now(), "Sunday, January 12, 2031 09:05 PM"),
        (time.utc_now(), "Sunday, January 12, 2031 09:05 PM"),
        (time.date(), "Sunday, 12 January, 2031"),
        (time.today(), "Sunday, 12 January, 2031"),
        (time.iso_date(), "2031-01-12"),
        (time.time(), "09:05:07 PM"),
        (time.year(), 2031),
        (time.month(), "January"),
        (time.month_number(), 1),
        (time.day(), 12),
        (time.day_of_week(), "Sunday"),
        (time.hour(), "09 PM"),
        (time.hour_number(), 21),
        (time.minute(), 5),
        (time.second(), 7),
        (time.days_ago(0), "Sunday, 12 January, 2031"),
        (time.days_ago(12), "Tuesday, 31 December, 2030"),
        (time.days_ago(-1), "Monday, 13 January, 2031"),
        (time.time_zone_offset(), "+0000"),
        (time.time_zone_name(), "UTC"),
    ],
)
def test_the_time_and_its_parts(found: object, expected: object) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("hour", "written"), [(0, "12:00:00 AM"), (1, "01:00:00 AM"), (12, "12:00:00 PM"), (13, "01:00:00 PM")]
)
def test_midnight_and_noon_are_twelve(hour: int, written: str) -> None:
    assert TimeSkill(lambda: MOMENT.replace(hour=hour, minute=0, second=0), UTC).time() == written


def test_the_zone_moves_the_date_and_not_the_utc_time() -> None:
    tokyo = TimeSkill(lambda: MOMENT, ZoneInfo("Asia/Tokyo"))
    assert tokyo.iso_date() == "2031-01-13"
    assert tokyo.utc_now() == time.utc_now()
    assert (tokyo.time_zone_offset(), tokyo.time_zone_name()) == ("+0900", "JST")


def test_a_zone_has_its_offset_of_the_day() -> None:
    summer = TimeSkill(lambda: MOMENT.replace(month=7), ZoneInfo("Europe/Berlin"))
    assert (summer.time_zone_offset(), summer.time_zone_name()) == ("+0200", "CEST")


def test_the_clock_may_run_in_any_zone() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=-8)))
    assert TimeSkill(lambda: there, UTC).now() == time.now()


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("Saturday", "Saturday, 11 January, 2031"),
        ("sunday", "Sunday, 05 January, 2031"),  # today is one, and "last" is before today
        (" MONDAY ", "Monday, 06 January, 2031"),
    ],
)
def test_the_last_day_of_a_name_is_before_today(name: str, date: str) -> None:
    assert time.date_matching_last_day_name(name) == date


@pytest.mark.parametrize("name", ["", "Sun", "Sonntag", "Sunday, 12 January"])
def test_other_names_of_days_are_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(ArgumentError, match="use one of Monday, Tuesday"):
        time.date_matching_last_day_name(name)


def test_a_number_is_no_day() -> None:
    number: Any = 3
    with pytest.raises(ArgumentError, match="use one of Monday"):
        time.date_matching_last_day_name(number)


@pytest.mark.parametrize("days", [10**6, -(10**7), 10**30])
def test_dates_outside_the_calendar_are_refused(days: int) -> None:
    with pytest.raises(ArgumentError, match="years 1 to 9999"):
        time.days_ago(days)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(SkillError, match="clock without a time zone"):
        TimeSkill(lambda: MOMENT.replace(tzinfo=None)).now()


def test_the_machine_has_a_clock() -> None:
    assert TimeSkill().year() >= 2025
