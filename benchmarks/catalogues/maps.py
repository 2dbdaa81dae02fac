"""Places, ways between them and the weather there."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Annotated, Literal

from planloom import kernel_function

PLACES = {
    "station": (0.0, 0.0),
    "museum": (3.0, 4.0),
    "airport": (12.0, 5.0),
    "harbour": (0.0, 6.0),
    "zoo": (8.0, 6.0),
}


@dataclass(frozen=True)
class Position:
    """A point on the map, in kilometres from the station."""

    east: float
    north: float


class Maps:
    """Where things are."""

    @kernel_function(effect="read")
    def locate(self, place: Annotated[str, "The name of the place"]) -> Annotated[Position, "A position"]:
        """Find where a place is on the map."""
        return Position(*PLACES[place.lower().removeprefix("the ")])

    @kernel_function(effect="none")
    def distance(
        self,
        start: Annotated[Position, "Position of one place"],
        end: Annotated[Position, "Position of the other"],
    ) -> Annotated[float, "Kilometres"]:
        """Compute the distance between two positions."""
        return hypot(start.east - end.east, start.north - end.north)

    @kernel_function(effect="read")
    def nearby(
        self,
        position: Annotated[Position, "Where to look around"],
        kind: Annotated[str, "The kind of place, such as cafe or pharmacy"],
    ) -> Annotated[str, "The name of the place"]:
        """Find the nearest place of a kind around a position."""
        return f"{kind} at {position.east:g}/{position.north:g}"

    @kernel_function(effect="none")
    def travelTime(
        self,
        distance: Annotated[float, "Kilometres"],
        by: Annotated[Literal["foot", "bike", "car"], "How to travel"],
    ) -> Annotated[float, "Minutes"]:
        """Estimate how long a distance takes."""
        return round(distance * {"foot": 12, "bike": 4, "car": 1.5}[by], 1)


class Taxi:
    """Cabs."""

    @kernel_function
    def order(self, pickup: Annotated[Position, "The position to be picked up at"]) -> str:
        """Order a taxi to a position."""
        return f"taxi comes to {pickup.east:g}/{pickup.north:g}"


class Sky:
    """The weather."""

    @kernel_function(effect="read")
    def now(self, position: Annotated[Position, "Where"]) -> str:
        """Tell the present weather at a position."""
        return "windy" if position.north > 5 else "calm"

    @kernel_function(effect="read")
    def sunset(self, position: Annotated[Position, "Where"]) -> Annotated[str, "A time of day"]:
        """Tell when the sun sets at a position."""
        return f"20:{int(position.east):02}"


class Notes:
    """A notebook."""

    @kernel_function
    def save(self, text: Annotated[str, "What to write down"]) -> str:
        """Write something down in the notebook."""
        return f"noted: {text}"


def skills() -> dict[str, object]:
    return {"Maps": Maps(), "Taxi": Taxi(), "Sky": Sky(), "Notes": Notes()}
