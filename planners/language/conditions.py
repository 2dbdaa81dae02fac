"""Conditions: a small closed expression language, read by its own grammar into a tree of plain data.

::

    condition  = and_part { "or" and_part }
    and_part   = not_part { "and" not_part }
    not_part   = "not" not_part | comparison
    comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in") operand ]
    operand    = reference | number | text in quotes | true | false | null | list | "(" condition ")"
    list       = "[" [ operand { "," operand } ] "]"

References are written as in a value, with paths: ``$ORDER.items[0].price > 100``. Text stands in single or
double quotes; what is between them is literal, and ``$$`` is a dollar. There are no calls, no arithmetic and
no attributes. How values are compared is said in ``planloom.planners.language.comparison``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, get_args

from planloom.planners.errors import ConditionSyntaxError
from planloom.planners.language.characters import quoted
from planloom.planners.language.comparison import compare, is_true
from planloom.planners.language.condition_tokens import ConditionToken, tokenize
from planloom.planners.language.expressions import (
    And,
    Comparison,
    Constant,
    Expression,
    Items,
    Not,
    Operator,
    Or,
    Variable,
    references_in,
)
from planloom.planners.language.references import Reference

__all__ = ["Expression", "evaluate", "parse_condition", "references_in"]

OPERATORS: Final[dict[str, Operator]] = {operator: operator for operator in get_args(Operator)}
CONSTANTS: Final = {"true": True, "false": False, "null": None, "none": None}
KEYWORDS: Final = ("and", "or", "not", "in")
MAX_DEPTH: Final = 50
MAX_LENGTH: Final = 5_000
FOREIGN_WORDS: Final = {
    "equals": "==",
    "equal": "==",
    "eq": "==",
    "is": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "contains": "in, the other way round: 'part' in $TEXT",
    "has": "in, the other way round: 'part' in $TEXT",
    "includes": "in, the other way round: 'part' in $TEXT",
    "undefined": "null",
    "nil": "null",
}


def parse_condition(text: str) -> Expression:
    """Read a condition.

    Raises:
        ConditionSyntaxError: it does not follow the grammar, is nested more than 50 deep or has more than
            5,000 characters.
    """
    if len(text) > MAX_LENGTH:
        said = f"the condition has {len(text):,} characters, and {MAX_LENGTH:,} are allowed"
        raise ConditionSyntaxError(said, 0, "let a function decide it")
    return _Parser(text).parse()


def evaluate(expression: Expression, lookup: Callable[[Reference], object]) -> bool:
    """Whether a condition holds.

    ``lookup`` gives the value of a reference, and what it raises passes through. ``and`` and ``or`` stop at
    the first part that decides, so that later references are not looked up.

    Raises:
        ConditionError: two values cannot be compared, or one is neither true nor false.
    """
    return is_true(_value(expression, lookup))


def _value(expression: Expression, lookup: Callable[[Reference], object]) -> object:
    match expression:
        case Constant(value):
            return value
        case Variable(reference):
            return lookup(reference)
        case Items(parts):
            return [_value(part, lookup) for part in parts]
        case Comparison(operator, left, right):
            return compare(operator, _value(left, lookup), _value(right, lookup))
        case Not(part):
            return not evaluate(part, lookup)
        case And(parts):
            return all(evaluate(part, lookup) for part in parts)
        case Or(parts):
            return any(evaluate(part, lookup) for part in parts)


class _Parser:
    """Recursive descent; the depth is limited, so the stack is safe."""

    def __init__(self, text: str) -> None:
        self._tokens = tokenize(text)
        self._token = next(self._tokens)
        self._depth = 0

    def parse(self) -> Expression:
        expression = self._or()
        if self._token.kind != "end":
            raise _unexpected(self._token)
        return expression

    def _or(self) -> Expression:
        parts = [self._and()]
        while self._accept("word", "or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _and(self) -> Expression:
        parts = [self._not()]
        while self._accept("word", "and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Expression:
        if not self._accept("word", "not"):
            return self._comparison()
        self._enter()
        part = self._not()
        self._depth -= 1
        return Not(part)

    def _comparison(self) -> Expression:
        left = self._operand()
        operator = self._operator()
        if operator is None:
            return left
        comparison = Comparison(operator, left, self._operand())
        if self._token.kind in ("word", "symbol") and self._token.text in OPERATORS:
            hint = "write each comparison by itself: 1 < $A and $A < 5"
            raise ConditionSyntaxError("comparisons cannot be chained", self._token.offset, hint)
        return comparison

    def _operator(self) -> Operator | None:
        token = self._token
        if self._accept("word", "not"):
            if self._accept("word", "in"):
                return "not in"
            raise ConditionSyntaxError("'not' cannot stand here", token.offset, "write != or not in")
        if token.kind not in ("word", "symbol") or token.text not in OPERATORS:
            return None
        self._advance()
        return OPERATORS[token.text]

    def _operand(self) -> Expression:
        token = self._token
        match token.kind, token.value:
            case "reference", Reference() as reference:
                self._advance()
                return Variable(reference)
            case (("number" | "text"), (str() | int() | float()) as value):
                self._advance()
                return Constant(value)
        if token.kind == "word" and token.text in CONSTANTS:
            self._advance()
            return Constant(CONSTANTS[token.text])
        if self._accept("symbol", "("):
            return self._group()
        if self._accept("symbol", "["):
            return self._items()
        raise _unexpected(self._token)

    def _group(self) -> Expression:
        self._enter()
        inside = self._or()
        self._depth -= 1
        if self._token.text == "," and self._token.kind == "symbol":
            raise ConditionSyntaxError(
                "',' cannot stand here", self._token.offset, "write a list as ['a', 'b']"
            )
        self._expect(")")
        return inside

    def _items(self) -> Expression:
        self._enter()
        parts: list[Expression] = []
        while not self._accept("symbol", "]"):
            if parts:
                self._expect(",")
            parts.append(self._operand())
        self._depth -= 1
        return Items(tuple(parts))

    def _accept(self, kind: str, text: str) -> bool:
        if self._token.kind != kind or self._token.text != text:
            return False
        self._advance()
        return True

    def _expect(self, symbol: str) -> None:
        if not self._accept("symbol", symbol):
            raise _unexpected(self._token, f"write {symbol!r} here")

    def _advance(self) -> None:
        self._token = next(self._tokens)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            said = f"the condition is nested more than {MAX_DEPTH} deep"
            raise ConditionSyntaxError(said, self._token.offset, "let a function decide it")


def _unexpected(token: ConditionToken, hint: str = "") -> ConditionSyntaxError:
    if token.kind == "end":
        hint = hint or "write a comparison, such as $COUNT > 3"
        return ConditionSyntaxError("the condition ends too early", token.offset, hint)
    if token.kind == "word" and token.text not in KEYWORDS:
        return _unknown_word(token)
    what = str(token.value) if token.kind != "text" else "a text"
    hint = hint or "between two values stands one of == != < <= > >= in and or"
    return ConditionSyntaxError(f"{quoted(what)} cannot stand here", token.offset, hint)


def _unknown_word(token: ConditionToken) -> ConditionSyntaxError:
    word = str(token.value)
    if operator := FOREIGN_WORDS.get(token.text):
        hint = f"write {operator}"
    else:
        hint = f"write ${word} for a variable and '{word}' for a text; functions cannot be called here"
    return ConditionSyntaxError(f"{quoted(word)} is not part of a condition", token.offset, hint)
