"""The words of a condition: references, numbers, quoted text, operators and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from planloom.planners.errors import ConditionSyntaxError, ReferenceSyntaxError
from planloom.planners.language.characters import quoted
from planloom.planners.language.references import Reference, Text, parse_value, scan_reference
from planloom.planners.language.variables import name_end

__all__ = ["ConditionToken", "number_of", "tokenize"]

Kind = Literal["reference", "number", "text", "word", "symbol", "end"]
SYMBOLS = ("==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",")
FOREIGN = {
    "===": "write == for equal",
    "!==": "write != for not equal",
    "<>": "write != for not equal",
    "=": "write == for equal",
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or",
    "!": "write not",
    "+": "there is no arithmetic; let a function compute it",
    "-": "there is no arithmetic; let a function compute it",
    "*": "there is no arithmetic; let a function compute it",
    "/": "there is no arithmetic; let a function compute it",
    "%": "there is no arithmetic; let a function compute it",
    ".": "a path stands directly after its reference: $NAME.field",
    "$": "a reference is a dollar and a name: $NAME; a number is written without a dollar",
    "{": "write a list as ['a', 'b']",
}
FOREIGN_BY_LENGTH = sorted(FOREIGN, key=len, reverse=True)
NUMBER_LENGTH = 40


class ConditionToken(NamedTuple):
    """``value`` is a Reference, a number or the text; ``text`` is the lower-case word or the symbol."""

    kind: Kind
    text: str
    value: Reference | str | int | float
    offset: int


def tokenize(text: str) -> Iterator[ConditionToken]:
    """The tokens of a condition; the last one is of the kind ``end``.

    Raises:
        ConditionSyntaxError: something in it is no part of the language.
    """
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
            continue
        if character == "$":
            token, at = _reference(text, at)
        elif character in "\"'":
            token, at = _quoted(text, at)
        elif "0" <= character <= "9" or (character in "-." and text[at + 1 : at + 2].isdecimal()):
            token, at = _number(text, at)
        elif (end := name_end(text, at)) > at:
            token, at = ConditionToken("word", text[at:end].lower(), text[at:end], at), end
        else:
            token = _symbol(text, at)
            at += len(token.text)
        yield token
    yield ConditionToken("end", "", "", len(text))


def number_of(text: str) -> int | float | None:
    """The number that ``text`` is in decimal notation, or None; ``1_000``, ``inf`` and the like are none."""
    body = text.strip()
    if not body or len(body) > NUMBER_LENGTH or _number_end(body, 0) != len(body):
        return None
    return int(body) if body.removeprefix("-").isdigit() else _finite(float(body))


def _finite(number: float) -> float | None:
    return number if abs(number) != float("inf") else None


def _reference(text: str, at: int) -> tuple[ConditionToken, int]:
    try:
        found = scan_reference(text, at, with_path=True)
    except ReferenceSyntaxError as error:
        raise ConditionSyntaxError(error.message, error.offset, error.hint) from error
    if found is None:
        raise ConditionSyntaxError("there is no name after '$'", at, FOREIGN["$"])
    return ConditionToken("reference", str(found[0]), found[0], at), found[1]


def _quoted(text: str, at: int) -> tuple[ConditionToken, int]:
    end = text.find(text[at], at + 1)
    if end < 0:
        raise ConditionSyntaxError("the text has no closing quote", at, "text stands in '…' or \"…\"")
    inside = text[at + 1 : end]
    return ConditionToken("text", "", _literal(inside, at), at), end + 1


def _literal(text: str, at: int) -> str:
    try:
        value = parse_value(text)
    except ReferenceSyntaxError as error:
        raise ConditionSyntaxError(error.message, at + 1 + error.offset, error.hint) from error
    if isinstance(value, Text):
        return value.text
    hint = "write the reference without quotes, or $$ for a dollar"
    raise ConditionSyntaxError(f"{quoted(text)} is text; the reference in it would not be read", at, hint)


def _number(text: str, at: int) -> tuple[ConditionToken, int]:
    end = _number_end(text, at)
    value = number_of(text[at:end])
    if value is None or name_end(text, end) > end:
        raise ConditionSyntaxError(f"{quoted(text[at : end + 1])} is no number", at, "text stands in quotes")
    return ConditionToken("number", text[at:end], value, at), end


def _number_end(text: str, at: int) -> int:
    """The end of ``[-]digits[.digits][e[+-]digits]``; ``at`` if there is no number."""
    end = _digits_end(text, at + text.startswith("-", at))
    if end == at + text.startswith("-", at):
        return at
    if text.startswith(".", end) and _digits_end(text, end + 1) > end + 1:
        end = _digits_end(text, end + 1)
    exponent = end + 1 + text.startswith(("+", "-"), end + 1)
    if text[end : end + 1] in ("e", "E") and _digits_end(text, exponent) > exponent:
        end = _digits_end(text, exponent)
    return end


def _digits_end(text: str, at: int) -> int:
    while at < len(text) and "0" <= text[at] <= "9":
        at += 1
    return at


def _symbol(text: str, at: int) -> ConditionToken:
    foreign = next((sign for sign in FOREIGN_BY_LENGTH if text.startswith(sign, at)), "")
    symbol = next((sign for sign in SYMBOLS if text.startswith(sign, at)), "")
    if len(symbol) >= len(foreign) and symbol:
        return ConditionToken("symbol", symbol, symbol, at)
    hint = FOREIGN.get(foreign, "see the plan language: references, literals, == != < <= > >= in and or not")
    raise ConditionSyntaxError(f"{quoted(foreign or text[at])} is not part of a condition", at, hint)
