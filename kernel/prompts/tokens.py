"""The inside of a ``{{…}}`` block: code text to tokens."""

from __future__ import annotations

from collections.abc import Iterator

from planloom.errors import TemplateError
from planloom.prompts.blocks import Argument, FunctionId, NamedArgument, Token, Value, Variable

__all__ = ["BLANKS", "ESCAPABLE", "QUOTES", "tokenize"]

BLANKS = " \t\r\n"
QUOTES = "'\""
ESCAPABLE = "'\"\\"


def tokenize(code: str) -> tuple[Token, ...]:
    r"""The tokens of ``code``, which must be separated by blanks.

    Inside quotes ``\\``, ``\"`` and ``\'`` stand for the second character; ``\n`` and the like have no
    meaning and stay as typed. Names are ASCII letters, digits and underscores. In a named argument the
    value may hold escapes and the other quote, as in .NET; it must not be empty, and no blank may stand
    around ``=``, as in Python.

    Raises:
        TemplateError: a token is malformed, or two are not separated.
    """
    return tuple(_tokens(code))


def _tokens(code: str) -> Iterator[Token]:
    cursor = _skip_blanks(code, 0)
    while cursor < len(code):
        token, end = _read_token(code, cursor)
        yield token
        cursor = _skip_blanks(code, end)
        if cursor == end < len(code):
            raise TemplateError(f"put a blank before {code[end : end + 20]!r}")


def _skip_blanks(code: str, cursor: int) -> int:
    while cursor < len(code) and code[cursor] in BLANKS:
        cursor += 1
    return cursor


def _read_token(code: str, start: int) -> tuple[Token, int]:
    if code[start] == "$" or code[start] in QUOTES:
        return _read_argument(code, start)
    end = _end_of_word(code, start, BLANKS + QUOTES + "=")
    word = code[start:end]
    if code[end : end + 1] != "=":
        return FunctionId(_function_name(word)), end
    name = _name(word, "argument")
    value, end = _read_argument(code, end + 1)
    if value == Value(""):
        raise TemplateError(f"the value of {name} is empty; leave the argument out instead")
    return NamedArgument(name, value), end


def _read_argument(code: str, start: int) -> tuple[Argument, int]:
    first = code[start : start + 1]
    if first == "$":
        end = _end_of_word(code, start + 1, BLANKS)
        return Variable(_name(code[start + 1 : end], "variable")), end
    if first and first in QUOTES:
        return _read_quoted(code, start)
    raise TemplateError("after = there must be a $variable or a quoted value, without a blank between")


def _read_quoted(code: str, start: int) -> tuple[Value, int]:
    quote, cursor = code[start], start + 1
    text: list[str] = []
    while cursor < len(code):
        character = code[cursor]
        if character == quote:
            return Value("".join(text)), cursor + 1
        if character == "\\" and code[cursor + 1 : cursor + 2] in tuple(ESCAPABLE):
            cursor += 1
        text.append(code[cursor])
        cursor += 1
    raise TemplateError(f"the value {code[start : start + 20]!r} has no closing {quote}")


def _end_of_word(code: str, start: int, stops: str) -> int:
    end = start
    while end < len(code) and code[end] not in stops:
        end += 1
    return end


def _function_name(word: str) -> str:
    parts = word.split(".")
    if len(parts) > 2:
        raise TemplateError(f"{word[:40]!r} has more than one dot; a function is skill.function")
    for part in parts:
        _name(part, "function")
    return word


def _name(word: str, what: str) -> str:
    if word and word.isascii() and word.replace("_", "a").isalnum():
        return word
    raise TemplateError(f"{word[:40]!r} is not the name of a {what}: use letters, digits and underscores")
