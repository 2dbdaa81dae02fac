"""Three small skills, for the samples and for ``planloom functions --skill my_skills.py``."""

from __future__ import annotations

from typing import Annotated

from planloom import kernel_function

NICKNAMES = {"steven": "Code King", "ada": "The Countess"}
ADDRESSES = {"steven": "codeking@example.com", "ada": "ada@example.com"}


class Names:
    """What people like to be called."""

    @kernel_function(effect="none")
    def getNickName(self, name: Annotated[str, "The person's name"]) -> str:
        """Look up the preferred name (nickname) of a person."""
        return NICKNAMES.get(name.lower(), name)


class StringFunctions:
    """Work on text."""

    @kernel_function(effect="none")
    def stringReplace(
        self,
        input: Annotated[str, "The text to work on"],
        from_: Annotated[str, "What to replace"],
        to: Annotated[str, "What to put in its place"],
    ) -> str:
        """Replace some text within a text."""
        return input.replace(from_, to)


class Emailer:
    """Finds e-mail addresses and sends e-mail."""

    def __init__(self) -> None:
        self.outbox: list[str] = []

    @kernel_function(effect="none")
    def getEmailAddress(self, recipient: Annotated[str, "Whose address"]) -> str:
        """Look up a person's e-mail address."""
        return ADDRESSES[recipient.lower()]

    @kernel_function(effect="write")
    def sendEmail(
        self,
        emailAddress: Annotated[str, "The address to send to"],
        message: Annotated[str, "The text of the e-mail"],
        subject: Annotated[str, "The subject line"] = "(no subject)",
    ) -> str:
        """Send an e-mail to an address."""
        self.outbox.append(f"To: {emailAddress}\nSubject: {subject}\n\n{message}")
        return f"sent to {emailAddress}: {subject}: {message}"
