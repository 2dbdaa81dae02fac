"""Devices of a house."""

from __future__ import annotations

from typing import Annotated, Literal

from planloom import kernel_function

Room = Annotated[str, "The room"]


class Lights:
    """Lamps."""

    @kernel_function
    def turnOn(self, room: Room) -> str:
        """Switch the light of a room on."""
        return f"light on in {room}"

    @kernel_function
    def turnOff(self, room: Room) -> str:
        """Switch the light of a room off."""
        return f"light off in {room}"

    @kernel_function
    def dim(self, room: Room, percent: Annotated[int, "Brightness, 0 to 100"]) -> str:
        """Set how bright the light of a room is."""
        return f"light at {percent} in {room}"


class Heating:
    """Radiators and their thermometers."""

    @kernel_function(effect="read")
    def temperature(self, room: Room) -> Annotated[float, "Degrees Celsius"]:
        """Measure the temperature in a room."""
        return 15.0 + len(room) % 8

    @kernel_function
    def setTo(self, room: Room, degrees: Annotated[float, "Degrees Celsius"]) -> str:
        """Heat a room to a temperature."""
        return f"{room} heated to {degrees:g}"


class Doors:
    """Locks."""

    @kernel_function
    def lock(self, door: Annotated[str, "Which door"]) -> str:
        """Lock a door."""
        return f"{door} locked"

    @kernel_function
    def unlock(self, door: Annotated[str, "Which door"]) -> str:
        """Unlock a door."""
        return f"{door} unlocked"


class Speaker:
    """Loudspeakers in the rooms."""

    @kernel_function
    def play(self, music: Annotated[str, "What to play"], room: Room) -> str:
        """Play music in a room."""
        return f"{music} in {room}"

    @kernel_function
    def announce(self, text: Annotated[str, "What to say"], room: Room) -> str:
        """Say something aloud in a room."""
        return f"said in {room}: {text}"


class Alarm:
    """The burglar alarm."""

    @kernel_function
    def arm(self, mode: Annotated[Literal["home", "away"], "Who is in the house"]) -> str:
        """Switch the burglar alarm on, for when people are at home or away."""
        return f"alarm armed: {mode}"


class Vacuum:
    """The cleaning robot."""

    @kernel_function
    def clean(self, room: Room) -> str:
        """Let the robot clean the floor of a room."""
        return f"{room} cleaned"


def skills() -> dict[str, object]:
    return {
        "Lights": Lights(),
        "Heating": Heating(),
        "Doors": Doors(),
        "Speaker": Speaker(),
        "Alarm": Alarm(),
        "Vacuum": Vacuum(),
    }
