"""Calls that may be missing in a line: of what looks up the code or the address that a parameter wants."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.choices.draft import DraftCall, Literal, acts
from planloom.planners.drafting.line_grammar import TEXTS, fields_for, may_be_passed
from planloom.planners.literals import literal_rule
from planloom.planners.retrieval.function_text import result_words
from planloom.planners.retrieval.words import words

__all__ = ["looked_up"]


def looked_up(line: str, call: DraftCall, functions: Sequence[KernelFunction]) -> list[str]:
    """The line, each time with another look-up by a text where it has the text itself.

    ``Sms.send number="Bob"`` may be ``Sms.send number=(People.phone person="Bob")``.
    """
    return [
        line.replace(written[0], f" {name}=({giving.full_name} {key.name}={written[1]}){end}")
        for name, value in call.values.items()
        if isinstance(value, Literal) and (written := _written(name, line)) is not None
        for giving in functions
        if giving is not call.function and (key := _key(giving)) is not None
        for end in _ends(giving, key, call.function.parameter(name))
    ]


def _written(name: str, line: str) -> tuple[str, str] | None:
    """An argument as it stands in the line, and its value; None if another call there has one like it."""
    found = re.findall(rf'( {re.escape(name)}=("[^"]*"))', line)
    return found[0] if len(found) == 1 else None


def _key(giving: KernelFunction) -> Parameter | None:
    """The text that a function looks things up by; None if it takes no text, or more than one argument."""
    needed = [parameter for parameter in giving.parameters if parameter.required]
    looks_up = not acts(giving) and len(needed) == 1 and literal_rule(needed[0]) in TEXTS
    return needed[0] if looks_up else None


def _ends(giving: KernelFunction, key: Parameter, wanted: Parameter | None) -> Iterator[str]:
    """What follows the call: nothing, or a field; only where the words say that this is what is wanted."""
    if wanted is None or literal_rule(wanted) not in TEXTS:
        return
    asked = set(words(f"{wanted.name} {wanted.description}"))
    new = asked - set(words(f"{key.name} {key.description}"))
    if may_be_passed(giving, wanted) and new & result_words(giving):
        yield ""
    yield from (f".{field}" for field in fields_for(giving, wanted) if asked & set(words(field)))
