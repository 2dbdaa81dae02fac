"""``TimeSkill``: what the clock and the calendar say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError, SkillError

__all__ = ["TimeSkill"]

# strftime would write them in the language of the process's locale; a plan must not depend on that.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

CLOCK = ("clock",)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TimeSkill:
    """Tells the current date and time and counts days."""

    skill_name = "Time"

    def __init__(self, now: Callable[[], datetime] = _utc_now, timezone: tzinfo | None = None) -> None:
        """Tell the time of ``now`` in ``timezone``.

        Args:
            now: the clock; it returns a datetime with a UTC offset.
            timezone: the user's zone, as ``zoneinfo.ZoneInfo("Europe/Berlin")``; the machine's if left out.
        """
        self._clock, self._timezone = now, timezone

    @kernel_function(effect="read", touches=CLOCK)
    def now(self) -> str:
        """The current date and time, as in "Sunday, January 12, 2031 09:15 PM"."""
        return _long(self._local("Time.now"))

    @kernel_function(effect="read", touches=CLOCK, name="utcNow")
    def utc_now(self) -> str:
        """The current date and time in UTC, as in "Sunday, January 12, 2031 09:15 PM"."""
        return _long(self._local("Time.utcNow").astimezone(UTC))

    @kernel_function(effect="read", touches=CLOCK)
    def date(self) -> str:
        """The current date, as in "Sunday, 12 January, 2031"."""
        return _day(self._local("Time.date"))

    @kernel_function(effect="read", touches=CLOCK)
    def today(self) -> str:
        """The current date, as in "Sunday, 12 January, 2031"."""
        return _day(self._local("Time.today"))

    @kernel_function(effect="read", touches=CLOCK)
    def iso_date(self) -> str:
        """The current date, as in "2031-01-12"."""
        return self._local("Time.iso_date").date().isoformat()

    @kernel_function(effect="read", touches=CLOCK)
    def time(self) -> str:
        """The current time, as in "09:15:07 PM"."""
        now = self._local("Time.time")
        return f"{_hour12(now):02}:{now.minute:02}:{now.second:02} {_half(now)}"

    @kernel_function(effect="read", touches=CLOCK)
    def year(self) -> int:
        """The current year, as in 2031."""
        return self._local("Time.year").year

    @kernel_function(effect="read", touches=CLOCK)
    def month(self) -> str:
        """The name of the current month, as in "January"."""
        return MONTHS[self._local("Time.month").month - 1]

    @kernel_function(effect="read", touches=CLOCK)
    def month_number(self) -> int:
        """The number of the current month, from 1 to 12."""
        return self._local("Time.month_number").month

    @kernel_function(effect="read", touches=CLOCK)
    def day(self) -> int:
        """The current day of the month, from 1 to 31."""
        return self._local("Time.day").day

    @kernel_function(effect="read", touches=CLOCK, name="dayOfWeek")
    def day_of_week(self) -> str:
        """The current day of the week, as in "Sunday"."""
        return DAYS[self._local("Time.dayOfWeek").weekday()]

    @kernel_function(effect="read", touches=CLOCK)
    def hour(self) -> str:
        """The current hour, as in "09 PM"."""
        now = self._local("Time.hour")
        return f"{_hour12(now):02} {_half(now)}"

    @kernel_function(effect="read", touches=CLOCK, name="hourNumber")
    def hour_number(self) -> int:
        """The current hour, from 0 to 23."""
        return self._local("Time.hourNumber").hour

    @kernel_function(effect="read", touches=CLOCK)
    def minute(self) -> int:
        """The minutes of the current time, from 0 to 59."""
        return self._local("Time.minute").minute

    @kernel_function(effect="read", touches=CLOCK)
    def second(self) -> int:
        """The seconds of the current time, from 0 to 59."""
        return self._local("Time.second").second

    @kernel_function(effect="read", touches=CLOCK)
    def days_ago(self, days: Annotated[int, "How many days back; negative for days to come"]) -> str:
        """The date some days ago, as in "Sunday, 12 January, 2031".

        Raises:
            ArgumentError: the date lies outside the years 1 to 9999.
        """
        try:
            return _day(self._local("Time.days_ago").date() - timedelta(days=days))
        except OverflowError as error:
            raise ArgumentError(
                "Time.days_ago", "days", f"is {days}, which leaves the years 1 to 9999"
            ) from error

    @kernel_function(effect="read", touches=CLOCK)
    def date_matching_last_day_name(
        self, day_name: Annotated[str, "A day of the week in English, as in Tuesday"]
    ) -> str:
        """The date of the last day of that name before today, as in "Sunday, 12 January, 2031".

        Raises:
            ArgumentError: ``day_name`` is not the English name of a day.
        """
        function = "Time.date_matching_last_day_name"
        name = str(day_name).strip().capitalize()
        if name not in DAYS:
            raise ArgumentError(function, "day_name", f"is {day_name!r}; use one of {', '.join(DAYS)}")
        today = self._local(function).date()
        back = (today.weekday() - DAYS.index(name)) % 7 or 7
        return _day(today - timedelta(days=back))

    @kernel_function(effect="read", touches=CLOCK, name="timeZoneOffset")
    def time_zone_offset(self) -> str:
        """How far the user's time zone is from UTC now, as in "+0100"."""
        return self._local("Time.timeZoneOffset").strftime("%z")

    @kernel_function(effect="read", touches=CLOCK, name="timeZoneName")
    def time_zone_name(self) -> str:
        """The name of the user's time zone now, as in "CET"."""
        return self._local("Time.timeZoneName").tzname() or ""

    def _local(self, function: str) -> datetime:
        now = self._clock()
        if now.tzinfo is None:
            raise SkillError(
                function,
                "was given a clock without a time zone. Pass TimeSkill(now=...) a function that returns an "
                "aware datetime, such as lambda: datetime.now(UTC).",
            )
        return now.astimezone(self._timezone)


def _day(day: date) -> str:
    return f"{DAYS[day.weekday()]}, {day.day:02} {MONTHS[day.month - 1]}, {day.year}"


def _long(moment: datetime) -> str:
    return (
        f"{DAYS[moment.weekday()]}, {MONTHS[moment.month - 1]} {moment.day:02}, {moment.year} "
        f"{_hour12(moment):02}:{moment.minute:02} {_half(moment)}"
    )


def _hour12(moment: datetime) -> int:
    return moment.hour % 12 or 12


def _half(moment: datetime) -> str:
    return "AM" if moment.hour < 12 else "PM"
