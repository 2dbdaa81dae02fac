"""Flights, hotels, weather and money for a journey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from planloom import kernel_function

RATES = {"EUR": 1.0, "USD": 1.25, "GBP": 0.8, "JPY": 160.0, "CNY": 8.0}
CURRENCIES = {"france": "EUR", "japan": "JPY", "china": "CNY", "usa": "USD", "england": "GBP"}
CAPITALS = {"france": "Paris", "japan": "Tokyo", "china": "Beijing", "england": "London"}


@dataclass(frozen=True)
class Flight:
    """A flight that can be booked."""

    number: str
    price: float


@dataclass(frozen=True)
class Hotel:
    """A hotel with a free room."""

    name: str
    price: float


class Flights:
    """Air travel."""

    @kernel_function(effect="read")
    def cheapest(
        self,
        origin: Annotated[str, "The city to fly from"],
        destination: Annotated[str, "The city to fly to"],
        day: Annotated[str, "The day of departure"],
    ) -> Annotated[Flight, "A flight: number and price in euros"]:
        """Find the cheapest flight between two cities on a day."""
        price = 50.0 + sum(map(ord, origin + destination + day)) % 200
        return Flight(f"{origin[:2]}{destination[:2]}1".upper(), price)

    @kernel_function
    def book(
        self,
        number: Annotated[str, "The number of the flight"],
        passenger: Annotated[str, "The traveller's name"],
    ) -> str:
        """Book a seat on a flight."""
        return f"seat on {number} for {passenger}"


class Hotels:
    """Places to stay."""

    @kernel_function(effect="read")
    def find(
        self, city: Annotated[str, "Where to stay"]
    ) -> Annotated[Hotel, "A hotel: name and price of a night in euros"]:
        """Find a hotel with a free room in a city."""
        return Hotel(f"Hotel {city}", 60.0 + len(city))

    @kernel_function
    def reserve(
        self,
        name: Annotated[str, "The name of the hotel"],
        nights: Annotated[int, "How many nights"],
        guest: Annotated[str, "The traveller's name"],
    ) -> str:
        """Reserve a room in a hotel."""
        return f"{nights} nights at {name} for {guest}"


class Weather:
    """Forecasts."""

    @kernel_function(effect="read")
    def forecast(self, city: Annotated[str, "Where"], day: Annotated[str, "When"]) -> str:
        """Tell the weather of a city on a day."""
        return f"{city} on {day}: {'sun' if len(city) % 2 else 'rain'}"


class Money:
    """Currencies."""

    @kernel_function(effect="read")
    def currencyOf(self, country: Annotated[str, "The country"]) -> Annotated[str, "A currency code"]:
        """Tell which currency a country uses."""
        return CURRENCIES[country.lower()]

    @kernel_function(effect="read")
    def convert(
        self,
        amount: Annotated[float, "How much"],
        source: Annotated[str, "The currency code of the amount"],
        target: Annotated[str, "The currency code wanted"],
    ) -> float:
        """Convert an amount of money into another currency."""
        return round(amount / RATES[source.upper()] * RATES[target.upper()], 2)


class Countries:
    """Facts about countries."""

    @kernel_function(effect="read")
    def capital(self, country: Annotated[str, "The country"]) -> Annotated[str, "A city"]:
        """Tell a country's capital city."""
        return CAPITALS[country.lower()]

    @kernel_function(effect="read")
    def visaNeeded(
        self,
        nationality: Annotated[str, "The traveller's nationality"],
        country: Annotated[str, "The country to enter"],
    ) -> bool:
        """Tell whether a traveller needs a visa for a country."""
        return (len(nationality) + len(country)) % 2 == 0


def skills() -> dict[str, object]:
    return {
        "Flights": Flights(),
        "Hotels": Hotels(),
        "Weather": Weather(),
        "Money": Money(),
        "Countries": Countries(),
    }
