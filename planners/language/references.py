"""Values as plans write them: literal text, references to context variables, and text with references in it.

``$NAME`` and ``${NAME}`` refer to a variable. A path may follow when the reference is the whole value
(``$ORDER.items[0].price``, ``$R["Exchange Rate"]``) or stands in braces (``Dear ${ORDER.buyer.name}.``);
in longer text a bare ``$NAME`` ends with the name. ``$$`` is a dollar, and so is a ``$`` that no name or
brace follows. ``[-1]`` counts from the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planloom.planners.errors import ReferenceSyntaxError
from planloom.planners.language.rendering import render_text
from planloom.planners.language.variables import name_end, variable_key

__all__ = [
    "Path",
    "Reference",
    "ReferenceSyntaxError",
    "Template",
    "Text",
    "Value",
    "escape_literal",
    "names_in",
    "parse_value",
    "path_text",
    "references_of",
    "render_text",
    "scan_reference",
]

Path = tuple[str | int, ...]
INDEX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Text:
    """A literal, with ``$$`` decoded."""

    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable, and the way from its value to a part of it. A whole value: the object itself is passed."""

    name: str
    path: Path = ()

    @property
    def key(self) -> str:
        """The name in the form in which names are compared."""
        return variable_key(self.name)

    def __str__(self) -> str:
        return f"${self.name}{path_text(self.path)}"


@dataclass(frozen=True, slots=True)
class Template:
    """Longer text with references in it, which are written in place, once."""

    parts: tuple[str | Reference, ...]


Value = Text | Reference | Template


def parse_value(text: str) -> Value:
    """Read the text of an argument.

    Raises:
        ReferenceSyntaxError: a ``${`` is not closed, or a path is broken or names something private.
    """
    if "$" not in text:
        return Text(text)
    return _whole_reference(text) or _template(text)


def scan_reference(text: str, at: int, with_path: bool) -> tuple[Reference, int] | None:
    """The reference at the ``$`` at ``at`` and where it ends; None if that dollar is only a dollar.

    ``with_path`` says whether a path may follow a bare ``$NAME``; in braces it always may.
    """
    if text.startswith("{", at + 1):
        return _braced(text, at)
    end = name_end(text, at + 1)
    if end == at + 1:
        return None
    path, end_of_path = _scan_path(text, end) if with_path else ((), end)
    return Reference(text[at + 1 : end], path), end_of_path


def references_of(value: Value) -> tuple[Reference, ...]:
    """The references in a value, in order, repeated ones as well."""
    match value:
        case Reference():
            return (value,)
        case Template(parts):
            return tuple(part for part in parts if isinstance(part, Reference))
        case Text():
            return ()


def names_in(value: Value) -> tuple[str, ...]:
    """The names of the variables in a value, each once, in the spelling that comes first."""
    names: dict[str, str] = {}
    for reference in references_of(value):
        names.setdefault(reference.key, reference.name)
    return tuple(names.values())


def path_text(path: Path) -> str:
    """A path as plans write it: ``.items[0]["Exchange Rate"]``."""
    return "".join(map(_step_text, path))


def escape_literal(text: str) -> str:
    """``text`` as a value that is read back as itself: dollars that would start a reference are doubled."""
    parts = text.split("$")
    return parts[0] + "".join(
        ("$$" if _reads_as_more(rest, last=at == len(parts) - 1) else "$") + rest
        for at, rest in enumerate(parts[1:], 1)
    )


def _reads_as_more(rest: str, last: bool) -> bool:
    if not rest:
        return not last  # another dollar follows
    return rest.startswith("{") or name_end(rest, 0) > 0


def _whole_reference(text: str) -> Reference | None:
    if not text.startswith("$"):
        return None
    if text[1:].isidentifier():
        return Reference(text[1:])
    try:
        found = scan_reference(text, 0, with_path=True)
    except ReferenceSyntaxError:
        if text.startswith("${") or not any(map(str.isspace, text)):
            raise
        return None  # "$NAME [see below]" is text, not a broken path
    return found[0] if found and found[1] == len(text) else None


def _template(text: str) -> Value:
    parts: list[str | Reference] = []
    literal: list[str] = []
    for piece in _pieces(text):
        if isinstance(piece, str):
            literal.append(piece)
            continue
        if joined := "".join(literal):
            parts.append(joined)
        literal.clear()
        parts.append(piece)
    rest = "".join(literal)
    if not parts:
        return Text(rest)
    return Template((*parts, rest) if rest else tuple(parts))


def _pieces(text: str) -> Iterator[str | Reference]:
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        yield text[at:dollar]
        if text.startswith("$", dollar + 1):
            yield "$"
            at = dollar + 2
        elif found := scan_reference(text, dollar, with_path=False):
            yield found[0]
            at = found[1]
        else:
            yield "$"
            at = dollar + 1
    yield text[at:]


def _braced(text: str, at: int) -> tuple[Reference, int]:
    end = name_end(text, at + 2)
    if end == at + 2:
        raise ReferenceSyntaxError(
            "there is no name after '${'", at, "write ${NAME}, or $${ for the text '${'"
        )
    path, end_of_path = _scan_path(text, end)
    if not text.startswith("}", end_of_path):
        name = text[at + 2 : end]
        hint = f"write ${{{name}}} or ${{{name}.field}}, or $${{ for the text '${{'"
        raise ReferenceSyntaxError(f"'${{{name}' is not closed by '}}' after its name and path", at, hint)
    return Reference(text[at + 2 : end], path), end_of_path + 1


def _scan_path(text: str, at: int) -> tuple[Path, int]:
    steps: list[str | int] = []
    while True:
        if text.startswith("[", at):
            step, at = _bracket(text, at)
            steps.append(step)
        elif text.startswith(".", at) and (end := name_end(text, at + 1)) > at + 1:
            steps.append(_field(text, at + 1, end))
            at = end
        else:
            return tuple(steps), at


def _field(text: str, start: int, end: int) -> str:
    name = text[start:end]
    if name.startswith("_"):
        raise ReferenceSyntaxError(
            f"a path cannot walk to {name!r}: names with an underscore in front are private",
            start,
            "a path walks keys, indices and public fields",
        )
    return name


def _bracket(text: str, at: int) -> tuple[str | int, int]:
    quote = text[at + 1 : at + 2]
    if quote and quote in "\"'":
        end = text.find(quote, at + 2)
        if end >= 0 and text.startswith("]", end + 1):
            return text[at + 2 : end], end + 2
    else:
        end = text.find("]", at)
        if end >= 0 and _is_index(text[at + 1 : end]):
            return int(text[at + 1 : end]), end + 1
    raise ReferenceSyntaxError(
        "the path is broken at '['", at, 'write [0] for an element and ["a key"] for a key'
    )


def _is_index(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= INDEX_DIGITS


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and not step.startswith("_"):
        return f".{step}"
    return f"['{step}']" if '"' in step else f'["{step}"]'
