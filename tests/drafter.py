"""Functions to draft with, and a service that answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

from planloom import Kernel, kernel_function
from planloom.services import ChatMessage, Completion, CompletionChunk, Settings, Usage

GOAL = 'Tell Bob that "dinner" costs $5 at the 小店 <b> & more'


@dataclass(frozen=True)
class Slot:
    """A free slot."""

    number: str
    hour: int


class Room(Enum):
    KITCHEN = "kitchen"
    HALL = "hall"


class People:
    @kernel_function(effect="read")
    def phone(self, person: Annotated[str, "The person's name"]) -> str:
        """Look up a phone number."""
        return person

    @kernel_function
    def text(self, number: str, message: str, urgent: bool = False) -> str:
        """Send a text message."""
        return message


class Diary:
    @kernel_function(effect="read")
    def free(self, day: str, hours: int = 1) -> Slot:
        """Find a free slot."""
        return Slot(day, hours)

    @kernel_function
    def book(self, slot: Slot, room: Room, kind: Literal["long", "short"] = "long") -> None:
        """Book a slot."""

    @kernel_function
    def cancel(self, number: str, at: float) -> None:
        """Cancel a booking."""

    @kernel_function(effect="read")
    def days(self, most: int) -> list[str]:
        """List days."""
        return []

    @kernel_function
    def mark(self, days: list[str]) -> dict[str, Any]:
        """Mark days."""
        return {}


class Drafter:
    """A service that answers as ``answer`` says, which is given the messages and the grammar."""

    accepts_grammar = True
    context_tokens = None
    name = "drafter"
    adapters: tuple[str, ...] = ("drafts",)

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[tuple[Sequence[ChatMessage], Settings]] = []

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        self.requests.append((messages, settings))
        return Completion(self.answer(messages, settings), Usage(10, 2, 1))

    def stream(self, messages: Sequence[ChatMessage], settings: Settings) -> AsyncIterator[CompletionChunk]:
        raise AssertionError("drafts are not streamed")


def kernel(service: Any = None) -> Kernel:
    made = Kernel(service)
    made.add_skill(People())
    made.add_skill(Diary())
    return made


class Codes:
    @kernel_function(effect="read")
    def iso(self, country: str) -> str:
        """Tell the code of a country."""
        return country

    @kernel_function(effect="read")
    def of(self, customer: str, year: int) -> str:
        """Tell the code of a customer."""
        return customer

    @kernel_function(effect="read")
    def holiday(self, place: Annotated[str, "The code of a country"], next: str = "") -> str:
        """Find the next holiday."""
        return place

    @kernel_function
    def change(self, country: str) -> str:
        """Change the code of a country."""
        return country
