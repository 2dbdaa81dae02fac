"""Mail, text messages and the people to send them to."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

NICKNAMES = {"steven": "Steve", "elizabeth": "Liz", "robert": "Bob"}
LATEST = {
    "carol": "The report is late. It will be ready on Friday.",
    "erin": "Lunch tomorrow? The new place is good.",
}


class Contacts:
    """People and how to reach them."""

    @kernel_function(effect="read")
    def emailAddress(
        self, person: Annotated[str, "The person's name"]
    ) -> Annotated[str, "An e-mail address"]:
        """Look up a person's e-mail address."""
        return f"{person.lower()}@example.com"

    @kernel_function(effect="read")
    def phoneNumber(self, person: Annotated[str, "The person's name"]) -> Annotated[str, "A phone number"]:
        """Look up a person's phone number."""
        return f"555-{sum(map(ord, person.lower())) % 10000:04}"

    @kernel_function(effect="read")
    def nickname(self, person: Annotated[str, "The person's name"]) -> Annotated[str, "A nickname"]:
        """Tell what a person likes to be called."""
        return NICKNAMES.get(person.lower(), person)


class Mail:
    """Electronic mail."""

    @kernel_function
    def send(
        self,
        to: Annotated[str, "The e-mail address of the receiver"],
        message: Annotated[str, "The text of the mail"],
        subject: Annotated[str, "The subject line"] = "(none)",
    ) -> str:
        """Send an e-mail."""
        return f"mailed {to} [{subject}] {message}"

    @kernel_function(effect="read")
    def latest(self, sender: Annotated[str, "The name of the person who wrote it"]) -> str:
        """Get the text of the latest e-mail from somebody."""
        return LATEST.get(sender.lower(), "")

    @kernel_function(effect="read")
    def search(self, term: Annotated[str, "A word to look for"]) -> list[str]:
        """Find the e-mails that contain a word."""
        return [text for text in LATEST.values() if term.lower() in text.lower()]

    @kernel_function
    def archive(self, sender: Annotated[str, "The name of the person who wrote them"]) -> str:
        """Move all e-mails from somebody to the archive."""
        return f"archived mail from {sender}"


class Sms:
    """Text messages."""

    @kernel_function
    def send(
        self,
        number: Annotated[str, "The phone number of the receiver"],
        text: Annotated[str, "What to say"],
    ) -> str:
        """Send a text message to a phone."""
        return f"texted {number}: {text}"


class Text:
    """Working on text."""

    @kernel_function(effect="none")
    def summarize(self, text: Annotated[str, "The text to shorten"]) -> str:
        """Summarize a text in one sentence."""
        return text.split(".")[0] + "."

    @kernel_function(effect="none")
    def translate(
        self,
        text: Annotated[str, "The text to translate"],
        language: Annotated[str, "The language to translate into"],
    ) -> str:
        """Translate a text into another language."""
        return f"({language.lower()}) {text}"

    @kernel_function(effect="none")
    def countWords(self, text: Annotated[str, "The text to count in"]) -> int:
        """Count the words of a text."""
        return len(text.split())

    @kernel_function(effect="none")
    def upper(self, text: Annotated[str, "The text to change"]) -> str:
        """Put a text into capital letters."""
        return text.upper()


def skills() -> dict[str, object]:
    return {"Contacts": Contacts(), "Mail": Mail(), "Sms": Sms(), "Text": Text()}
