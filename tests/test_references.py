"""Values as plans write them: references, templates, paths, and how values look in text."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, computed_field

from planloom.planners.errors import PathError, ReferenceSyntaxError, RenderError
from planloom.planners.language.annotations import UNKNOWN, PathFault, annotation_at, check_path
from planloom.planners.language.paths import walk
from planloom.planners.language.references import (
    Path,
    Reference,
    Template,
    Text,
    Value,
    escape_literal,
    names_in,
    parse_value,
    references_of,
    render_text,
)

NAME = Reference("NAME")


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("", Text("")),
            ("plain", Text("plain")),
            ("$NAME", NAME),
            ("${NAME}", NAME),
            ("$_x1", Reference("_x1")),
            ("$naïve", Reference("naïve")),
            ("$नाम", Reference("नाम")),
            ("$ORDER.items[0].price", Reference("ORDER", ("items", 0, "price"))),
            ("${ORDER.items[0].price}", Reference("ORDER", ("items", 0, "price"))),
            ('$R["Exchange Rate"]', Reference("R", ("Exchange Rate",))),
            ("$R['a]b'][-1]", Reference("R", ("a]b", -1))),
            (" $NAME", Template((" ", NAME))),
            ("$NAME ", Template((NAME, " "))),
            ("Hello $NAME!", Template(("Hello ", NAME, "!"))),
            ("Dear $NAME.", Template(("Dear ", NAME, "."))),
            ("$NAME.", Template((NAME, "."))),
            ("Dear $NAME.first", Template(("Dear ", NAME, ".first"))),
            ("Dear ${NAME.first}.", Template(("Dear ", Reference("NAME", ("first",)), "."))),
            ("$V2|$V", Template((Reference("V2"), "|", Reference("V")))),
            ("$A$B", Template((Reference("A"), Reference("B")))),
            ("${A}B", Template((Reference("A"), "B"))),
            ("$NAME [see below]", Template((NAME, " [see below]"))),
            ("$NAME[0] and more", Template((NAME, "[0] and more"))),
            ("$$A costs $5", Text("$A costs $5")),
            ("$$$A", Template(("$", Reference("A")))),
            ("$${A}", Text("${A}")),
            ("$$", Text("$")),
            ("$", Text("$")),
            ("US$ 5, $-1, 5$", Text("US$ 5, $-1, 5$")),
            ("$100-$200", Text("$100-$200")),
        ],
    )
    def test_values(self, text: str, value: Value) -> None:
        assert parse_value(text) == value

    @pytest.mark.parametrize(
        "text",
        [
            "${",
            "${}",
            "${ A }",
            "${A",
            "${A.}",
            "${A.b + 1}",
            "a ${5} b",
            "$R.__class__",
            "$R._x",
            "${R.a._x}",
            "$L[",
            "$L[x]",
            "$L[]",
            "$L[1",
            "$L[1.5]",
            '$L["a]',
            "$L[9999999999]",
            "$L[²]",
        ],
    )
    def test_broken_references(self, text: str) -> None:
        with pytest.raises(ReferenceSyntaxError) as caught:
            parse_value(text)
        assert text[caught.value.offset] in "$_["
        assert caught.value.hint

    def test_names_are_listed_once_and_compared_without_case(self) -> None:
        value = parse_value("$A ${b.x} $a $INPUT")
        assert names_in(value) == ("A", "b", "INPUT")
        assert len(references_of(value)) == 4
        assert names_in(Text("x")) == ()
        assert references_of(NAME) == (NAME,)

    def test_a_reference_prints_as_it_is_written(self) -> None:
        written = '$ORDER.items[-1]["Exchange Rate"].x'
        assert str(parse_value(written)) == written
        assert parse_value(str(Reference("R", ('"', "_id")))) == Reference("R", ('"', "_id"))

    @given(st.text(alphabet=st.sampled_from("$${}.[]Aa_1\"' é") | st.characters()))
    def test_escaped_text_is_read_back_as_itself(self, text: str) -> None:
        assert parse_value(escape_literal(text)) == Text(text)

    def test_escaping_leaves_harmless_dollars_alone(self) -> None:
        assert escape_literal("$5 for $x, $") == "$5 for $$x, $"

    @given(st.text(alphabet="$${}.[]Aa_1\"' \u00e9"))
    def test_parsing_any_text_gives_a_value_or_the_named_error(self, text: str) -> None:
        try:
            value = parse_value(text)
        except ReferenceSyntaxError as error:
            assert 0 <= error.offset <= len(text)
        else:
            assert isinstance(value, Text | Reference | Template)


@dataclass
class Address:
    city: str
    _secret: str = "s"


@dataclass
class Record:
    name: str
    tags: list[str]
    address: Address

    @property
    def loud(self) -> str:
        raise AssertionError("a property was run")

    def method(self) -> str:
        raise AssertionError("a method was run")


@dataclass(slots=True)
class Slotted:
    x: int
    y: int = field(init=False)


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    city: str = Field(alias="cityName")
    inner: dict[str, int] = {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def shout(self) -> str:
        raise AssertionError("a property was run")


RECORD = Record("Ada", ["x", "y"], Address("Paris"))


class Sneaky:
    """Runs code when it is looked at."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError("__getattr__ was run")


@dataclass
class Shadowed:
    value: int

    def __post_init__(self) -> None:
        type(self).value = property(lambda self: 1 / 0)  # type: ignore[assignment]


class TestWalking:
    @pytest.mark.parametrize(
        ("value", "path", "part"),
        [
            (RECORD, (), RECORD),
            (RECORD, ("address", "city"), "Paris"),
            (RECORD, ("tags", 1), "y"),
            (RECORD, ("tags", -1), "y"),
            ({"a": [{"b c": 1}]}, ("a", 0, "b c"), 1),
            ({"_id": 5}, ("_id",), 5),
            ({1: "x"}, (1,), "x"),
            ((1, 2), (0,), 1),
            (range(3), (2,), 2),
            (Slotted(4), ("x",), 4),
            (Model(cityName="Rome", extra=1), ("city",), "Rome"),
            (Model(cityName="Rome", extra=1), ("cityName",), "Rome"),
            (Model(cityName="Rome", extra=1), ("extra",), 1),
            (Model(cityName="Rome", inner={"n": 2}), ("inner", "n"), 2),
            ({"a": None}, ("a",), None),
        ],
    )
    def test_parts(self, value: object, path: tuple[str | int, ...], part: object) -> None:
        assert walk(value, path) == part

    @pytest.mark.parametrize(
        ("value", "path", "said"),
        [
            (RECORD, ("salary",), "there are: name, tags, address"),
            (RECORD, ("address", "_secret"), "there are: city"),
            (RECORD, ("loud",), "there are"),
            (RECORD, ("method",), "there are"),
            (RECORD, ("__class__",), "there are"),
            (RECORD, ("tags", 2), "2 elements"),
            (RECORD, ("tags", -3), "2 elements"),
            (RECORD, ("tags", "x"), "[0]"),
            (RECORD, ("tags", "append"), "[0]"),
            ('{"a": 1}', ("a",), "text"),
            ("abc", (0,), "text"),
            (b"abc", (0,), "bytes has no parts"),
            (None, ("a",), "nothing"),
            (5, ("real",), "int has no parts"),
            (Record, ("name",), "type has no parts"),
            ({}, ("a",), "empty"),
            (dict.fromkeys(range(50), 1), ("a",), "…"),
            (Slotted(4), ("y",), "there are: x, y"),
            (Model(cityName="Rome"), ("shout",), "there are: city, cityName, inner"),
            (Model(cityName="Rome"), ("model_dump",), "there are"),
            (Shadowed, ("value",), "no parts"),
        ],
    )
    def test_what_is_not_there(self, value: object, path: tuple[str | int, ...], said: str) -> None:
        with pytest.raises(PathError) as caught:
            walk(value, path)
        assert said in str(caught.value)
        assert caught.value.position == len(path) - 1

    def test_no_code_of_the_value_runs(self) -> None:
        with pytest.raises(PathError, match="Sneaky has no parts"):
            walk(Sneaky(), ("x",))

    def test_a_mapping_makes_no_new_keys(self) -> None:
        value: Mapping[str, list[int]] = defaultdict(list)
        with pytest.raises(PathError):
            walk(value, ("new",))
        assert len(value) == 0

    def test_a_property_over_a_field_is_not_run(self) -> None:
        thing = object.__new__(Shadowed)
        thing.__dict__["value"] = 7
        assert walk(thing, ("value",)) == 7


class Plain(BaseModel):
    day: date


class Colour(Enum):
    RED = "red"


class Level(int, Enum):
    HIGH = 3


class TestRendering:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("x", "x"),
            (None, ""),
            (True, "true"),
            (42, "42"),
            (1.5, "1.5"),
            (Decimal("1.50"), "1.50"),
            (date(2024, 2, 29), "2024-02-29"),
            (datetime(2024, 2, 29, 1, 2, tzinfo=UTC), "2024-02-29T01:02:00+00:00"),
            (Colour.RED, "red"),
            (Level.HIGH, "3"),
            (b"\xffa", "\ufffda"),
            (["é", 1, None, True], '["é",1,null,true]'),
            (("a", Decimal("0.1")), '["a","0.1"]'),
            ({1: {"a": date(2024, 1, 1)}, None: Colour.RED}, '{"1":{"a":"2024-01-01"},"":"red"}'),
            ({"b", "a"}, '["a","b"]'),
            (RECORD.address, '{"city":"Paris"}'),
            (Plain(day=date(2024, 1, 1)), '{"day":"2024-01-01"}'),
            ([Slotted], f"[{json.dumps(str(Slotted))}]"),
            (math.inf, "inf"),
        ],
    )
    def test_values_in_text(self, value: object, text: str) -> None:
        assert render_text(value) == text

    def test_a_value_that_contains_itself_is_refused_by_name(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(RenderError, match="list"):
            render_text(loop)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).filter(lambda value: isinstance(value, list | dict))
    )
    def test_structures_are_json(self, value: object) -> None:
        assert json.loads(render_text(value)) == value


UserId = NewType("UserId", int)


class Row(TypedDict):
    id: int
    tags: NotRequired[list[str]]


class Closed(BaseModel):
    city: str = Field(alias="cityName")
    inner: Record | None = None


@dataclass
class Chain:
    value: int
    next: Chain | None = None
    _hidden: int = 0


class TestDeclaredTypes:
    @pytest.mark.parametrize(
        ("annotation", "path", "end"),
        [
            (Record, ("address", "city"), str),
            (Record, ("tags", 0), str),
            (list[Record], (-1, "tags"), list[str]),
            (dict[str, list[int]], ("any key", 0), int),
            (tuple[int, str], (1,), str),
            (tuple[int, ...], (7,), int),
            (Record | None, ("name",), str),
            (Annotated[Record, "a record"], ("name",), str),
            (Row, ("id",), int),
            (Row, ("tags", 0), str),
            (list[Row] | None, (0, "id"), int),
            (Chain, ("next", "next", "value"), int),
            (Closed, ("cityName",), str),
            (Closed, ("inner", "name"), str),
            (Record | Address, ("city",), str),
            (list[int] | list[str], (0,), int | str),
            (int, (), int),
        ],
    )
    def test_the_type_at_the_end(self, annotation: Any, path: Path, end: Any) -> None:
        assert check_path(annotation, path) is None
        assert annotation_at(annotation, path) == end

    @pytest.mark.parametrize(
        ("annotation", "path", "said"),
        [
            (Record, ("salary",), ".salary leads nowhere: there are: name, tags, address"),
            (Record, (0,), "there are: name"),
            (list[Record], (0, "salary"), "(after [0])"),
            (Chain, ("_hidden",), "there are: value, next"),
            (str, ("x",), "text"),
            (str, (0,), "text"),
            (int, ("real",), "int has no parts"),
            (None, ("x",), "NoneType has no parts"),
            (Literal["a", "b"], ("x",), "text"),
            (list[str], ("first",), "[0]"),
            (set[str], (0,), "no order"),
            (tuple[int, str], (2,), "2 elements"),
            (dict[str, int], (0,), "keys are text"),
            (Row, ("name",), "there are: id, tags"),
            (Closed, ("town",), "there are: city, cityName, inner"),
            (Record | str, ("salary",), "there are"),
            (UserId, ("x",), "int has no parts"),
        ],
    )
    def test_certain_faults(self, annotation: Any, path: Path, said: str) -> None:
        fault = check_path(annotation, path)
        assert isinstance(fault, PathFault)
        assert said in str(fault)
        assert annotation_at(annotation, path) is Any

    @pytest.mark.parametrize(
        ("annotation", "path"),
        [
            (Any, ("x",)),
            (object, ("x",)),
            (dict, ("x",)),
            (list, (0,)),
            (tuple, (0,)),
            (dict[str, Any], ("x", "y", 0)),
            (Record | Any, ("x",)),
            (Sneaky, ("x",)),
            (Model, ("not declared",)),
            ("Record", ("x",)),
        ],
    )
    def test_what_the_declaration_does_not_tell(self, annotation: Any, path: Path) -> None:
        assert check_path(annotation, path) is UNKNOWN
        assert annotation_at(annotation, path) is Any

    def test_names_that_cannot_be_resolved_are_not_faults(self) -> None:
        @dataclass
        class Local:
            here: Nowhere  # type: ignore[name-defined]  # noqa: F821

        assert check_path(Local, ("here",)) is UNKNOWN
        assert isinstance(check_path(Local, ("there",)), PathFault)
