"""``DataSkill``: choosing, ordering and counting the items of a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, TypedDict, TypeVar

from planloom.decorator import kernel_function
from planloom.errors import ArgumentError, EmptyListError, SkillError
from planloom.prompts.escaping import text_of
from planloom.skills.arithmetic import Number, check_number, mean, total
from planloom.skills.comparison import Operator, identity, matches, order_keys
from planloom.skills.fields import column, is_list

__all__ = ["DataSkill", "Group"]

T = TypeVar("T")
Items = Annotated[list[Any], "The list; its items are objects with fields, or plain values"]
Field = Annotated[str, "A field of each item, as in price or address.city; empty for the item itself"]


class Group(TypedDict):
    """The items that share one value of a field."""

    key: Any
    items: list[Any]


class DataSkill:
    """Chooses, orders, groups, counts and adds up the items of a list.

    Items are mappings, dataclasses, pydantic models or plain values. Every function may raise an
    ``ArgumentError`` (``items`` is no list, a field is badly written) and a ``FieldNotFoundError`` (an item
    has no such field). The list that was given is never changed.
    """

    skill_name = "Data"

    @kernel_function(effect="none")
    def select(
        self, items: Items, fields: Annotated[list[str], "The fields to keep, as in price or address.city"]
    ) -> list[dict[str, Any]]:
        """Keep only some fields of each item."""
        function = "Data.select"
        _check_list(function, items)
        if not fields or "" in fields:
            raise ArgumentError(function, "fields", "needs the name of at least one field, and no empty name")
        columns = [column(function, items, field, "fields") for field in fields]
        return [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)]

    @kernel_function(effect="none")
    def where(
        self,
        items: Items,
        field: Field,
        op: Annotated[Operator, "How the field and the value are compared"],
        value: Annotated[Any, "What the field is compared with; for in, a list"],
    ) -> list[Any]:
        """Keep the items whose field meets a condition; there may be none.

        A text value is read as the type of the field. A field that holds nothing equals nothing else and is
        neither larger nor smaller.

        Raises:
            ArgumentError: the value and the field cannot be compared in that way.
        """
        values = _column("Data.where", items, field)
        with _named_argument("Data.where", "value"):
            return [item for item, found in zip(items, values, strict=True) if matches(found, op, value)]

    @kernel_function(effect="none")
    def sort(
        self, items: Items, by: Field = "", descending: Annotated[bool, "Largest first"] = False
    ) -> list[Any]:
        """Sort the items by a field; equal ones keep their order, and those without a value come last.

        Raises:
            ArgumentError: the field's values have no common order.
        """
        filled, empty = _by_presence("Data.sort", items, by)
        keys = _order_keys("Data.sort", [value for value, _ in filled])
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
        return [filled[position][1] for position in order] + empty

    @kernel_function(effect="none")
    def max_by(self, items: Items, by: Field = "") -> Any:
        """The item whose field is largest; the first of several.

        Raises:
            EmptyListError: no item has a value there.
            ArgumentError: the field's values have no common order.
        """
        return _extreme("Data.max_by", max, items, by)

    @kernel_function(effect="none")
    def min_by(self, items: Items, by: Field = "") -> Any:
        """The item whose field is smallest; the first of several.

        Raises:
            EmptyListError: no item has a value there.
            ArgumentError: the field's values have no common order.
        """
        return _extreme("Data.min_by", min, items, by)

    @kernel_function(effect="none")
    def first(self, items: Items) -> Any:
        """The first item of a list.

        Raises:
            EmptyListError: the list is empty.
        """
        return _at("Data.first", items, 0)

    @kernel_function(effect="none")
    def last(self, items: Items) -> Any:
        """The last item of a list.

        Raises:
            EmptyListError: the list is empty.
        """
        return _at("Data.last", items, -1)

    @kernel_function(effect="none")
    def item(self, items: Items, index: Annotated[int, "The item's place, counted from 0"]) -> Any:
        """The item at a place in a list.

        Raises:
            EmptyListError: the list is empty.
            ArgumentError: there is no such place.
        """
        _check_list("Data.item", items)
        if items and not 0 <= index < len(items):
            raise ArgumentError("Data.item", "index", f"is {index}; it must be from 0 to {len(items) - 1}")
        return _at("Data.item", items, index)

    @kernel_function(effect="none")
    def group(self, items: Items, by: Field) -> list[Group]:
        """Put the items that share a field's value together, as a list of objects with key and items."""
        groups: dict[Hashable, Group] = {}
        values = _column("Data.group", items, by, "by")
        for key, value, item in zip(_identities("Data.group", values), values, items, strict=True):
            groups.setdefault(key, Group(key=value, items=[]))["items"].append(item)
        return list(groups.values())

    @kernel_function(effect="none", name="map")
    def map_field(self, items: Items, field: Field) -> list[Any]:
        """The value of one field of every item, as a list."""
        return _column("Data.map", items, field)

    @kernel_function(effect="none")
    def distinct(self, items: Items, field: Field = "") -> list[Any]:
        """Keep the first item for every different value of a field."""
        firsts: dict[Hashable, Any] = {}
        values = _column("Data.distinct", items, field)
        for key, item in zip(_identities("Data.distinct", values), items, strict=True):
            firsts.setdefault(key, item)
        return list(firsts.values())

    @kernel_function(effect="none")
    def count(self, items: Items) -> int:
        """Count the items of a list."""
        _check_list("Data.count", items)
        return len(items)

    @kernel_function(effect="none")
    def sum(self, items: Items, field: Field = "") -> Number:
        """Add up a field of all items; an empty list gives 0.

        Raises:
            ArgumentError: a value is not a number.
        """
        return total("Data.sum", _numbers("Data.sum", items, field))

    @kernel_function(effect="none")
    def average(self, items: Items, field: Field = "") -> Number:
        """The mean of a field of all items.

        Raises:
            ArgumentError: a value is not a number.
            EmptyListError: the list is empty.
        """
        return mean("Data.average", _numbers("Data.average", items, field))

    @kernel_function(effect="none")
    def join_text(
        self, items: Items, separator: Annotated[str, "What to put between them"] = ", ", field: Field = ""
    ) -> str:
        """Write the items, or a field of them, one after another as text."""
        return text_of(separator).join(text_of(value) for value in _column("Data.join_text", items, field))

    @kernel_function(effect="none")
    def parse_json(self, text: Annotated[str, "JSON, such as a web service answers with"]) -> Any:
        """Read JSON text into objects and lists whose fields can be used.

        Raises:
            SkillError: the text is not JSON.
        """
        try:
            return json.loads(text_of(text), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise SkillError("Data.parse_json", "cannot read the text: it is nested too deeply.") from error
        except ValueError as error:
            raise SkillError("Data.parse_json", f"cannot read the text as JSON: {error}.") from error


def _check_list(function: str, items: object) -> None:
    if not is_list(items):
        raise ArgumentError(
            function,
            "items",
            f"must be a list, not {type(items).__name__}; point at the list, as in $ANSWER.items",
        )


def _column(function: str, items: Sequence[object], field: str, parameter: str = "field") -> list[Any]:
    _check_list(function, items)
    return column(function, items, field, parameter)


def _numbers(function: str, items: Sequence[object], field: str) -> list[Number]:
    return [check_number(function, field or "items", value) for value in _column(function, items, field)]


def _by_presence(function: str, items: list[T], by: str) -> tuple[list[tuple[Any, T]], list[T]]:
    """The items with their value of ``by``, and apart those where it is None."""
    pairs = list(zip(_column(function, items, by, "by"), items, strict=True))
    return [pair for pair in pairs if pair[0] is not None], [item for value, item in pairs if value is None]


def _order_keys(function: str, values: Sequence[object]) -> list[Any]:
    with _named_argument(function, "by"):
        return order_keys(values)


def _identities(function: str, values: Sequence[object]) -> list[Hashable]:
    try:
        return [identity(value) for value in values]
    except RecursionError as error:
        raise ArgumentError(function, "items", "holds values that are nested too deeply") from error


def _extreme(function: str, choose: Callable[..., Any], items: list[Any], by: str) -> Any:
    filled, _ = _by_presence(function, items, by)
    if not filled:
        raise EmptyListError(function, "needs at least one item with a value to compare; there is none.")
    keys = _order_keys(function, [value for value, _ in filled])
    return filled[choose(range(len(keys)), key=keys.__getitem__)][1]


def _at(function: str, items: Sequence[Any], index: int) -> Any:
    _check_list(function, items)
    if not items:
        raise EmptyListError(function, "needs at least one item; the list is empty.")
    return items[index]


@contextmanager
def _named_argument(function: str, parameter: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, ArithmeticError) as error:  # Decimal('sNaN') cannot even be compared
        raise ArgumentError(function, parameter, str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
