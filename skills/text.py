"""``TextSkill``: cutting, joining and changing text."""

from __future__ import annotations

from typing import Annotated

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError
from planloom.prompts.escaping import text_of

__all__ = ["TextSkill"]

Text = Annotated[str, "The text"]


class TextSkill:
    """Cuts, joins, compares and changes text."""

    # Plans may hand a number to a text parameter, unconverted; hence text_of at every door.

    skill_name = "Text"

    @kernel_function(effect="none")
    def trim(self, input: Text) -> str:
        """Remove white space from both ends of a text."""
        return text_of(input).strip()

    @kernel_function(effect="none")
    def trim_start(self, input: Text) -> str:
        """Remove white space from the start of a text."""
        return text_of(input).lstrip()

    @kernel_function(effect="none")
    def trim_end(self, input: Text) -> str:
        """Remove white space from the end of a text."""
        return text_of(input).rstrip()

    @kernel_function(effect="none")
    def uppercase(self, input: Text) -> str:
        """Turn a text into upper case."""
        return text_of(input).upper()

    @kernel_function(effect="none")
    def lowercase(self, input: Text) -> str:
        """Turn a text into lower case."""
        return text_of(input).lower()

    @kernel_function(effect="none")
    def length(self, input: Text) -> int:
        """Count the characters of a text."""
        return len(text_of(input))

    @kernel_function(effect="none")
    def echo(self, input: Text) -> str:
        """Give a text back as it is."""
        return text_of(input)

    @kernel_function(effect="none")
    def concat(self, input: Text, input2: Annotated[str, "The text that comes after it"]) -> str:
        """Put one text right after another."""
        return text_of(input) + text_of(input2)

    @kernel_function(effect="none")
    def replace(
        self,
        input: Text,
        from_: Annotated[str, "What to look for, letter for letter"],
        to: Annotated[str, "What to put in its place"],
    ) -> str:
        """Replace every occurrence of one text in another.

        Raises:
            ArgumentError: ``from_`` is empty.
        """
        return text_of(input).replace(_filled("Text.replace", "from", from_), text_of(to))

    @kernel_function(effect="none")
    def split(
        self, input: Text, separator: Annotated[str, "What stands between the parts"] = "\n"
    ) -> list[str]:
        """Cut a text into a list of parts, by default into its lines.

        Raises:
            ArgumentError: ``separator`` is empty.
        """
        return text_of(input).split(_filled("Text.split", "separator", separator))

    @kernel_function(effect="none")
    def join(
        self,
        items: Annotated[list[str], "The texts, in order"],
        separator: Annotated[str, "What to put between them"] = "\n",
    ) -> str:
        """Join a list of texts into one, by default one to a line."""
        return text_of(separator).join(text_of(item) for item in items)

    @kernel_function(effect="none")
    def contains(
        self, input: Text, text: Annotated[str, "What to look for; upper and lower case differ"]
    ) -> bool:
        """Tell whether a text holds another one."""
        return text_of(text) in text_of(input)

    @kernel_function(effect="none")
    def starts_with(
        self, input: Text, text: Annotated[str, "The beginning to look for; upper and lower case differ"]
    ) -> bool:
        """Tell whether a text begins with another one."""
        return text_of(input).startswith(text_of(text))

    @kernel_function(effect="none")
    def ends_with(
        self, input: Text, text: Annotated[str, "The ending to look for; upper and lower case differ"]
    ) -> bool:
        """Tell whether a text ends with another one."""
        return text_of(input).endswith(text_of(text))


def _filled(function: str, parameter: str, value: str) -> str:
    text = text_of(value)
    if not text:
        raise ArgumentError(function, parameter, "is empty; give at least one character")
    return text
