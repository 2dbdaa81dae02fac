"""A calendar, meeting rooms and colleagues."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

MANAGERS = {"nina": "Omar", "pavel": "Omar", "omar": "Ruth"}
SLOTS = {"monday": "10:00", "tuesday": "14:00", "friday": "09:30"}


class Calendar:
    """Meetings."""

    @kernel_function(effect="read")
    def agenda(self, day: Annotated[str, "The day"]) -> Annotated[str, "The meetings of the day"]:
        """List the meetings of a day."""
        return f"{day}: stand-up, review"

    @kernel_function(effect="read")
    def freeTime(
        self, person: Annotated[str, "Whose calendar"], day: Annotated[str, "The day"]
    ) -> Annotated[str, "A time of day"]:
        """Find when a person is free on a day."""
        return SLOTS.get(day.lower(), "16:00")

    @kernel_function
    def schedule(
        self,
        title: Annotated[str, "What the meeting is about"],
        person: Annotated[str, "Who takes part"],
        day: Annotated[str, "The day"],
        time: Annotated[str, "The time of day"],
    ) -> Annotated[str, "The meeting"]:
        """Put a meeting with a person into the calendar."""
        return f"{title} with {person} on {day} at {time}"

    @kernel_function
    def cancelAll(self, day: Annotated[str, "The day"]) -> str:
        """Cancel all meetings of a day."""
        return f"{day} is free now"


class People:
    """Colleagues."""

    @kernel_function(effect="read")
    def managerOf(self, person: Annotated[str, "The colleague"]) -> Annotated[str, "A person's name"]:
        """Tell who a colleague's manager is."""
        return MANAGERS.get(person.lower(), "Ruth")

    @kernel_function(effect="read")
    def extension(self, person: Annotated[str, "The colleague"]) -> Annotated[str, "A telephone extension"]:
        """Tell a colleague's telephone extension."""
        return f"x{100 + len(person)}"


class Rooms:
    """Meeting rooms."""

    @kernel_function(effect="read")
    def find(
        self, seats: Annotated[int, "How many people it must hold"]
    ) -> Annotated[str, "The name of a room"]:
        """Find a meeting room that is large enough."""
        return "Aquarium" if seats > 6 else "Closet"

    @kernel_function
    def book(
        self,
        room: Annotated[str, "The name of the room"],
        day: Annotated[str, "The day"],
        time: Annotated[str, "The time of day"],
    ) -> str:
        """Book a meeting room."""
        return f"{room} booked for {day} at {time}"


class Chat:
    """Messages within the company."""

    @kernel_function
    def message(self, person: Annotated[str, "Who receives it"], text: Annotated[str, "What to say"]) -> str:
        """Send a chat message to a colleague."""
        return f"to {person}: {text}"


class Reminders:
    """Things not to forget."""

    @kernel_function
    def add(self, text: Annotated[str, "What to remember"], day: Annotated[str, "When"]) -> str:
        """Set a reminder for a day."""
        return f"reminder on {day}: {text}"


def skills() -> dict[str, object]:
    return {
        "Calendar": Calendar(),
        "People": People(),
        "Rooms": Rooms(),
        "Chat": Chat(),
        "Reminders": Reminders(),
    }
