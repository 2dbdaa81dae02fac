from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from planloom.errors import ArgumentError, EmptyListError, FieldNotFoundError, PlanloomError, SkillError
from planloom.skills import DataSkill
from planloom.skills.comparison import Operator

data = DataSkill()

HOTELS: list[dict[str, Any]] = [
    {
        "name": "Ritz",
        "price": 300,
        "stars": 5,
        "city": {"name": "Paris"},
        "tags": ["spa", "bar"],
        "note": None,
    },
    {"name": "Lutetia", "price": 250.5, "stars": 5, "city": {"name": "Paris"}, "tags": [], "note": "quiet"},
    {"name": "Adlon", "price": 280, "stars": 5, "city": {"name": "Berlin"}, "tags": ["bar"], "note": None},
    {
        "name": "Motel 1",
        "price": 79,
        "stars": 2,
        "city": {"name": "Berlin"},
        "tags": ["wifi"],
        "note": "loud",
    },
]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Order:
    """An order, as a user's function may return it."""

    id: int
    total: Decimal
    placed: date
    colour: Colour = Colour.RED
    lines: tuple[str, ...] = ()
    paid: bool = False
    _secret: str = field(default="hidden")

    @property
    def dangerous(self) -> str:
        raise AssertionError("a property was run")

    def method(self) -> str:
        raise AssertionError("a method was run")


class City(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    founded: datetime | None = None

    @property
    def dangerous(self) -> str:
        raise AssertionError("a property was run")


ORDERS = [
    Order(1, Decimal("9.90"), date(2031, 1, 12), Colour.RED, ("pen",), True),
    Order(2, Decimal("100"), date(2031, 3, 1), Colour.BLUE),
    Order(3, Decimal("20.5"), date(2030, 12, 31), Colour.RED, ("ink", "pen")),
]


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def ids(items: list[Order]) -> list[int]:
    return [item.id for item in items]


# --- where ---


@pytest.mark.parametrize(
    ("path", "op", "value", "found"),
    [
        ("price", "==", "280", ["Adlon"]),
        ("price", "==", 280, ["Adlon"]),
        ("price", "!=", "280", ["Ritz", "Lutetia", "Motel 1"]),
        ("price", "<", "100", ["Motel 1"]),
        ("price", "<=", "79.0", ["Motel 1"]),
        ("price", ">", "250.4", ["Ritz", "Lutetia", "Adlon"]),
        ("price", ">=", Decimal("250.5"), ["Ritz", "Lutetia", "Adlon"]),
        ("price", "in", "[79, 300]", ["Ritz", "Motel 1"]),
        ("name", "in", ["Adlon", "Savoy"], ["Adlon"]),
        ("name", "in", '["Adlon"]', ["Adlon"]),
        ("name", "in", [], []),
        ("name", "<", "M", ["Lutetia", "Adlon"]),
        ("name", "startswith", "R", ["Ritz"]),
        ("name", "endswith", "1", ["Motel 1"]),
        ("name", "contains", "t", ["Ritz", "Lutetia", "Motel 1"]),
        ("tags", "contains", "bar", ["Ritz", "Adlon"]),
        ("city.name", "==", "Berlin", ["Adlon", "Motel 1"]),
        ("note", "==", None, ["Ritz", "Adlon"]),
        ("note", "!=", None, ["Lutetia", "Motel 1"]),
        ("note", "==", "loud", ["Motel 1"]),
        ("note", "startswith", "q", ["Lutetia"]),
        ("note", "<", "m", ["Motel 1"]),
        ("price", ">", "1000", []),
    ],
)
def test_where_keeps_what_meets_the_condition(
    path: str, op: Operator, value: object, found: list[str]
) -> None:
    assert names(data.where(HOTELS, path, op, value)) == found


@pytest.mark.parametrize(
    ("path", "op", "value", "found"),
    [
        ("total", "==", "9.9", [1]),
        ("total", ">", "20.4", [2, 3]),
        ("total", "==", 20.5, [3]),
        ("placed", ">=", "2031-01-12", [1, 2]),
        ("placed", "<", date(2031, 1, 1), [3]),
        ("colour", "==", "blue", [2]),
        ("colour", "in", [Colour.BLUE, "green"], [2]),
        ("paid", "==", "true", [1]),
        ("paid", "!=", True, [2, 3]),
        ("lines", "contains", "pen", [1, 3]),
        ("id", "in", ["1", 3], [1, 3]),
    ],
)
def test_where_reads_text_as_the_type_of_the_field(
    path: str, op: Operator, value: object, found: list[int]
) -> None:
    assert ids(data.where(ORDERS, path, op, value)) == found


def test_a_float_field_equals_the_decimal_text_that_it_prints_as() -> None:
    assert data.where([{"x": 0.1}], "x", "==", "0.1") == [{"x": 0.1}]
    assert data.where([{"x": 0.1}], "x", "==", Decimal("0.1")) == [{"x": 0.1}]


def test_nan_meets_no_ordering() -> None:
    assert data.where([{"x": float("nan")}], "x", "<", "1") == []


def test_text_that_looks_like_a_number_is_compared_as_text() -> None:
    zips = [{"zip": "9"}, {"zip": "10"}]
    assert data.where(zips, "zip", "==", "10") == [{"zip": "10"}]
    assert data.where(zips, "zip", "<", "9") == [{"zip": "10"}]


def test_plain_values_are_items_too() -> None:
    assert data.where([5, 1, 3], "", ">", "2") == [5, 3]


def test_a_uuid_and_a_moment_are_read_by_their_type() -> None:
    key = UUID("12345678123456781234567812345678")
    items = [{"id": key, "at": datetime(2031, 1, 12, tzinfo=UTC)}]
    assert data.where(items, "id", "==", str(key)) == items
    assert data.where(items, "at", "<", "2031-01-12T00:30:00+01:00") == []
    assert data.where(items, "at", "<", "2031-01-12T03:00:00Z") == items


@pytest.mark.parametrize(
    ("path", "op", "value", "message"),
    [
        ("price", "<", "cheap", "cannot be read as a number"),
        ("price", "<", "nan", "cannot be read as a number"),
        ("price", "==", "1_000", "cannot be read as a number"),
        ("price", "==", True, "true or false, but the field holds a number"),
        ("name", "==", 280, "a number, but the field holds text; give text"),
        ("name", "<", 280, "a number, but the field holds text; give text"),
        ("name", "in", "Adlon", r"must be a list for in, such as \["),
        ("name", "in", "[" * 100_000, "must be a list for in"),
        ("price", "contains", "3", "the field must hold a list"),
        ("price", "startswith", "3", "must both be text"),
        ("name", "endswith", 1, "must both be text"),
        ("tags", "<", "bar", "holds a list, which has no order"),
        ("city", "==", "Paris", "holds an object, which cannot be compared with text"),
        ("price", "<", None, "nothing, but the field holds a number"),
    ],
)
def test_what_cannot_be_compared_is_named(path: str, op: Operator, value: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        data.where(HOTELS, path, op, value)
    assert (caught.value.function, caught.value.parameter) == ("Data.where", "value")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("paid", "yes", "cannot be read as true or false"),
        ("placed", "12.1.2031", "cannot be read as a date"),
        ("placed", datetime(2031, 1, 1), "a date and time, but the field holds a date"),
    ],
)
def test_typed_fields_refuse_other_text(path: str, value: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        data.where(ORDERS, path, "==", value)


def test_moments_with_and_without_an_offset_are_not_compared() -> None:
    with pytest.raises(ArgumentError, match="UTC offset"):
        data.where([{"at": datetime(2031, 1, 12)}], "at", "<", "2031-01-12T00:00:00Z")


# --- fields ---


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ({"a": {"b": [{"c": 7}]}}, "a.b[0].c", 7),
        ({"a": {"b": [{"c": 7}]}}, "a.b.0.c", 7),
        ({"a": [[1, 2]]}, "a[0][1]", 2),
        ({"Exchange Rate": 1}, "Exchange Rate", 1),
        ({"Exchange Rate": 1}, '["Exchange Rate"]', 1),
        ({"r": {"x.y]": 1}}, "r['x.y]']", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"0": "zero"}, "0", "zero"),
        ([10, 20], "[1]", 20),
        ((10, 20), "1", 20),
        (ORDERS[0], "lines[0]", "pen"),
        (City(name="Rome"), "name", "Rome"),
        (City.model_validate({"name": "Rome", "river": "Tiber"}), "river", "Tiber"),
        ({"city": City(name="Rome")}, "city.name", "Rome"),
        (5, "", 5),
    ],
)
def test_a_path_walks_keys_indices_and_fields(item: object, path: str, value: object) -> None:
    assert data.map_field([item], path) == [value]


@pytest.mark.parametrize(
    "path", ["_secret", "__class__", "__globals__", "name._x", '["__class__"]', "__class__.__mro__"]
)
@pytest.mark.parametrize("item", [ORDERS[0], City(name="Rome"), {"_secret": 1, "__class__": 2, "name": "x"}])
def test_underscore_names_are_out_of_reach(item: object, path: str) -> None:
    with pytest.raises(ArgumentError, match="private"):
        data.map_field([item], path)


@pytest.mark.parametrize("path", ["dangerous", "method", "mro", "model_dump", "model_fields", "as_tuple"])
@pytest.mark.parametrize("item", [ORDERS[0], City(name="Rome"), {}, "text", 5])
def test_methods_and_properties_are_no_fields(item: object, path: str) -> None:
    with pytest.raises(FieldNotFoundError):
        data.map_field([item], path)


def test_a_property_over_a_field_is_not_run() -> None:
    @dataclass
    class Base:
        x: int = 1

    class Hidden(Base):
        @property
        def x(self) -> int:
            raise AssertionError("a property was run")

        @x.setter
        def x(self, value: int) -> None:
            pass

    with pytest.raises(FieldNotFoundError):
        data.map_field([Hidden()], "x")


def test_a_missing_field_is_named_with_those_that_exist() -> None:
    with pytest.raises(FieldNotFoundError) as caught:
        data.where([{"name": "a", "price": 1}, {"name": "b"}], "price", "==", "1")
    assert str(caught.value) == "Data.where found no field 'price' in item 2. Its fields are: name."
    assert (caught.value.field, caught.value.fields) == ("price", ("name",))


def test_a_missing_field_deeper_down_says_where() -> None:
    with pytest.raises(FieldNotFoundError, match=r"'city.zip' in 'city' of item 1. Its fields are: name"):
        data.sort(HOTELS, "city.zip")


def test_fields_of_dataclasses_and_models_are_listed() -> None:
    with pytest.raises(FieldNotFoundError, match="Its fields are: id, total, placed, colour, lines, paid"):
        data.map_field(ORDERS, "price")
    with pytest.raises(FieldNotFoundError, match="Its fields are: name, founded, river"):
        data.map_field([City.model_validate({"name": "Rome", "river": "Tiber"})], "price")


def test_a_long_list_of_fields_is_cut() -> None:
    with pytest.raises(FieldNotFoundError) as caught:
        data.map_field([{f"f{number}": 0 for number in range(1000)}], "x")
    assert len(caught.value.fields) == 21
    assert len(str(caught.value)) < 300


def test_plain_values_have_no_fields() -> None:
    with pytest.raises(FieldNotFoundError, match="It has no fields"):
        data.map_field(["text"], "upper")


@pytest.mark.parametrize(
    ("path", "message"), [("tags.first", "must be an index"), ("tags[9]", "list of 2, with no index 9")]
)
def test_lists_have_indices_only(path: str, message: str) -> None:
    with pytest.raises(SkillError, match=message):
        data.map_field(HOTELS[:1], path)


@pytest.mark.parametrize(
    "path",
    [".a", "a.", "a..b", "a[", "a[x]", "a[-1]", "a[1", 'a["x', "a[]", ".", "a[0]b", "a.[0]", "x" * 1001],
)
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(ArgumentError, match="argument 'field' is"):
        data.map_field([{"a": [1]}], path)


@given(st.text(max_size=30), st.sampled_from([HOTELS[0], ORDERS[0], City(name="Rome"), "x", [1], None]))
def test_any_path_gives_a_value_or_a_named_error(path: str, item: object) -> None:
    try:
        assert len(data.map_field([item], path)) == 1
    except PlanloomError:
        return


# --- the other functions ---


def test_select_keeps_the_fields_in_the_order_given() -> None:
    found = data.select(HOTELS[:1], ["city.name", "name"])
    assert found == [{"city.name": "Paris", "name": "Ritz"}]
    assert list(found[0]) == ["city.name", "name"]
    assert data.map_field(found, "city.name") == ["Paris"]  # what select wrote can be read again


@pytest.mark.parametrize("fields", [[], [""], ["name", ""]])
def test_select_needs_fields(fields: list[str]) -> None:
    with pytest.raises(ArgumentError, match="at least one field"):
        data.select(HOTELS, fields)


def test_select_of_no_items_is_empty() -> None:
    assert data.select([], ["name"]) == []


def test_sort_puts_those_without_a_value_last() -> None:
    assert names(data.sort(HOTELS, "price")) == ["Motel 1", "Lutetia", "Adlon", "Ritz"]
    assert names(data.sort(HOTELS, "price", descending=True)) == ["Ritz", "Adlon", "Lutetia", "Motel 1"]
    assert names(data.sort(HOTELS, "note")) == ["Motel 1", "Lutetia", "Ritz", "Adlon"]
    assert names(data.sort(HOTELS, "note", descending=True)) == ["Lutetia", "Motel 1", "Ritz", "Adlon"]


def test_sort_of_equals_keeps_their_order() -> None:
    assert names(data.sort(HOTELS, "stars", descending=True)) == ["Ritz", "Lutetia", "Adlon", "Motel 1"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ([Decimal("0.3"), 0.1, 1], [0.1, Decimal("0.3"), 1]),
        (["b", "a"], ["a", "b"]),
        ([True, False], [False, True]),
        ([], []),
        ([None], [None]),
    ],
)
def test_sort_of_plain_values(items: list[Any], expected: list[Any]) -> None:
    assert data.sort(items) == expected


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([1, "2"], "a number and text, which have no common order"),
        ([[1], [2]], "a list, which has no order"),
        ([{"a": 1}], "an object, which has no order"),
        ([float("nan"), 1.0], "nan"),
        ([datetime(2031, 1, 1), datetime(2031, 1, 1, tzinfo=UTC)], "UTC offset"),
    ],
)
def test_what_has_no_order_is_named(items: list[Any], message: str) -> None:
    for call in (data.sort, data.max_by, data.min_by):
        with pytest.raises(ArgumentError, match=message):
            call(items)


def test_max_by_and_min_by_take_the_first_of_equals() -> None:
    assert data.max_by(HOTELS, "stars")["name"] == "Ritz"
    assert data.min_by(HOTELS, "price")["name"] == "Motel 1"
    assert data.max_by(HOTELS, "note")["name"] == "Lutetia"
    assert data.max_by(ORDERS, "total").id == 2
    assert data.min_by([3, 1, 2]) == 1


def test_first_last_and_item() -> None:
    assert (data.first([1, 2, 3]), data.last([1, 2, 3]), data.item([1, 2, 3], 1)) == (1, 3, 2)


@pytest.mark.parametrize("index", [-1, 3])
def test_item_has_bounds(index: int) -> None:
    with pytest.raises(ArgumentError, match="must be from 0 to 2"):
        data.item([1, 2, 3], index)


@pytest.mark.parametrize(
    "call",
    [
        data.first,
        data.last,
        lambda items: data.item(items, 0),
        data.max_by,
        data.min_by,
        data.average,
        lambda items: data.max_by([*items, {"x": None}], "x"),
    ],
)
def test_an_empty_list_is_named(call: Callable[[list[Any]], object]) -> None:
    with pytest.raises(EmptyListError):
        call([])


def test_group_keeps_the_order_of_first_appearance() -> None:
    groups = data.group(HOTELS, "city.name")
    assert [(group["key"], names(group["items"])) for group in groups] == [
        ("Paris", ["Ritz", "Lutetia"]),
        ("Berlin", ["Adlon", "Motel 1"]),
    ]
    assert data.group([], "x") == []


def test_group_and_distinct_tell_kinds_apart() -> None:
    values = [1, True, "1", 1.0, [1], (1,), {"a": [1]}, {"a": [1]}, None, {"_id": 1}, {"_id": 2}]
    assert data.distinct(values) == [1, True, "1", [1], {"a": [1]}, None, {"_id": 1}, {"_id": 2}]
    assert len(data.group(values, "")) == 8


def test_values_without_end_are_named() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for call in (data.distinct, lambda items: data.group(items, "")):
        with pytest.raises(ArgumentError, match="nested too deeply"):
            call([endless])


def test_a_number_that_cannot_be_compared_is_named() -> None:
    with pytest.raises(ArgumentError, match="argument 'by'"):
        data.sort([Decimal("sNaN"), Decimal(1)])


def test_a_class_that_only_looks_like_a_model_has_no_fields() -> None:
    class Lookalike:
        model_fields = ("x",)
        x = 1

    with pytest.raises(FieldNotFoundError):
        data.map_field([Lookalike()], "x")


def test_distinct_keeps_the_first_item_of_each_value() -> None:
    assert names(data.distinct(HOTELS, "city.name")) == ["Ritz", "Adlon"]
    assert ids(data.distinct(ORDERS, "colour")) == [1, 2]
    assert len(data.distinct([*ORDERS, copy.deepcopy(ORDERS[0])])) == 3


def test_map_count_sum_and_average() -> None:
    assert data.map_field(HOTELS, "stars") == [5, 5, 5, 2]
    assert data.count(HOTELS) == 4
    assert data.count([]) == 0
    assert data.sum(HOTELS, "price") == 909.5
    assert data.sum(ORDERS, "total") == Decimal("130.40")
    assert data.sum([1, 2]) == 3
    assert data.sum([]) == 0
    assert data.average(HOTELS, "stars") == 4.25


@pytest.mark.parametrize(("path", "kind"), [("name", "str"), ("note", "NoneType"), ("tags", "list")])
def test_only_numbers_add_up(path: str, kind: str) -> None:
    with pytest.raises(ArgumentError, match=f"argument '{path}' holds {kind}, which is not a number"):
        data.sum(HOTELS, path)


def test_join_text_writes_values_as_prompts_do() -> None:
    assert data.join_text(HOTELS, field="name") == "Ritz, Lutetia, Adlon, Motel 1"
    assert data.join_text(["a", 1, None, Decimal("1.50"), {"k": "é"}], " | ") == 'a | 1 |  | 1.50 | {"k":"é"}'
    assert data.join_text([]) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}), ("[]", []), ('"x"', "x")],
)
def test_parse_json(text: str, value: object) -> None:
    assert data.parse_json(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "as JSON"),
        ("{'a': 1}", "as JSON"),
        ('{"a": 1} x', "as JSON"),
        ("NaN", "NaN is not JSON"),
        ("[" * 200_000, "too deeply"),
        ("1" * 5000, "as JSON"),
    ],
)
def test_what_is_no_json_is_named(text: str, message: str) -> None:
    with pytest.raises(SkillError, match=message):
        data.parse_json(text)


@pytest.mark.parametrize("bad", [{"items": []}, "text", None, 5])
def test_only_lists_have_items(bad: Any) -> None:
    calls: list[Callable[[Any], object]] = [
        lambda items: data.select(items, ["a"]),
        lambda items: data.where(items, "a", "==", 1),
        data.sort,
        data.max_by,
        data.min_by,
        data.first,
        data.last,
        lambda items: data.item(items, 0),
        lambda items: data.group(items, "a"),
        lambda items: data.map_field(items, "a"),
        data.distinct,
        data.count,
        data.sum,
        data.average,
        data.join_text,
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match="argument 'items' must be a list"):
            call(bad)


def test_the_list_that_was_given_stays_as_it_is() -> None:
    before = copy.deepcopy(HOTELS)
    data.sort(HOTELS, "price")
    data.group(HOTELS, "stars")
    data.select(HOTELS, ["name"])
    assert before == HOTELS


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.lists(st.integers()),
)
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "contains", "startswith", "endswith"])


@given(st.lists(VALUES, max_size=4), OPERATORS, VALUES)
def test_any_comparison_gives_a_list_or_a_named_error(items: list[Any], op: Operator, value: object) -> None:
    try:
        kept = data.where(items, "", op, value)
    except ArgumentError:
        return
    assert all(any(each is item for item in items) for each in kept)


@given(st.lists(st.integers()), st.integers())
def test_a_condition_and_its_opposite_share_out_the_list(items: list[int], value: int) -> None:
    for op, opposite in (("==", "!="), ("<", ">="), (">", "<=")):
        one, other = data.where(items, "", op, str(value)), data.where(items, "", opposite, str(value))  # type: ignore[arg-type]
        assert sorted(one + other) == sorted(items)
