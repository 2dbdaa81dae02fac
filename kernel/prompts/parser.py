"""``semantic-kernel`` templates: template text to blocks."""

from __future__ import annotations

from collections.abc import Iterator

from planloom.errors import TemplateError
from planloom.prompts.blocks import Block, Call, FunctionId, NamedArgument, Text, Token, Value, Variable
from planloom.prompts.tokens import BLANKS, ESCAPABLE, QUOTES, tokenize

__all__ = ["parse_code", "parse_template"]


def parse_template(template: str) -> tuple[Block, ...]:
    """The blocks of ``template``, in order, in time linear in its length.

    Text between braces is a block unless it is blank or a quote in it stays open; then it is text. Of
    several opening braces the last two count.

    Raises:
        TemplateError: the inside of a block is wrong; the message names the line.
    """
    return tuple(_blocks(template))


def _blocks(template: str) -> Iterator[Block]:
    done = 0
    while (span := _next_span(template, done)) is not None:
        start, end = span
        if start > done:
            yield Text(template[done:start])
        yield _block(template, start, end)
        done = end
    if done < len(template) or not template:
        yield Text(template[done:])


def _next_span(template: str, position: int) -> tuple[int, int] | None:
    """Where the next ``{{…}}`` starts and ends; None if no block is closed any more."""
    start = cursor = template.find("{{", position)
    quote = ""
    while 0 <= cursor < len(template) - 1:
        character = template[cursor]
        if quote:
            if character == "\\" and template[cursor + 1] in ESCAPABLE:
                cursor += 1
            elif character == quote:
                quote = ""
        elif character in QUOTES:
            quote = character
        elif template.startswith("{{", cursor):
            start = cursor
        elif template.startswith("}}", cursor):
            return start, cursor + 2
        cursor += 1
    return None


def _block(template: str, start: int, end: int) -> Block:
    code = template[start + 2 : end - 2].strip(BLANKS)
    if not code:
        return Text(template[start:end])
    try:
        return parse_code(code)
    except TemplateError as error:
        line = template.count("\n", 0, start) + 1
        shown = code if len(code) <= 60 else f"{code[:60]}…"
        raise TemplateError(f"Line {line}, {{{{{shown}}}}}: {error}.", template) from error


def parse_code(code: str) -> Variable | Value | Call:
    """The block that ``code`` is: a variable, a value, or a call of a function.

    A variable or value stands alone; more tokens after it are an error as in .NET (Python ignores them).
    A call takes one positional argument at most, then named ones, each name once.

    Raises:
        TemplateError: it is none of these.
    """
    tokens = tokenize(code)
    match tokens:
        case ((Variable() | Value()) as alone,):
            return alone
        case (Variable() | Value(), *_):
            raise TemplateError(
                "a variable or value stands alone in its braces; a call starts with a function"
            )
        case (FunctionId(name), (Variable() | Value()) as positional, *rest):
            return Call(name, positional, _named(rest))
        case (FunctionId(name), *rest):
            return Call(name, None, _named(rest))
        case _:
            raise TemplateError("a block starts with a $variable, a quoted value or a function")


def _named(tokens: list[Token]) -> tuple[NamedArgument, ...]:
    named: dict[str, NamedArgument] = {}
    for token in tokens:
        if not isinstance(token, NamedArgument):
            raise TemplateError("after its first argument a function takes only name=value")
        if token.name in named:
            raise TemplateError(f"the argument {token.name} is given twice")
        named[token.name] = token
    return tuple(named.values())
