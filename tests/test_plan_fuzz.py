"""Whatever the text is, reading it gives a reading and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom.planners.errors import PlanError
from planloom.planners.language.diagnostic import CODES
from planloom.planners.language.json_form import tree_from_json, tree_to_json
from planloom.planners.language.limits import Limits
from planloom.planners.language.reader import Reading, read_plan
from planloom.planners.language.writer import write_plan

SAMPLE = """Here you are:
```xml
<plan>
  <!-- names first -->
  <function.Names.getNickName input="Steven" setContextVariable="NICKNAME"/>
  <function.S.Replace input='$INPUT &amp; "more"' to="$NICKNAME" after="NICKNAME"><from>a < b</from>
  </function.S.Replace>
  <if condition="$N > 3 and not ($A in ['x', 1])"><function.S.A><x><![CDATA[<y>]]></x></function.S.A></if>
  <else><foreach item="X" in="$L.items[0]"><function.S.B input="${X.a} &#10;"/></foreach></else>
  <ask setContextVariable="CITY" question="Which city?"/>
  <result name="RESULT__1" value="$CITY"/>
</plan>
<!-- END -->
```"""
PIECES = [
    *(
        "<plan>",
        "</plan>",
        "<plan/>",
        "<function.S.A",
        "<function.S.A>",
        "</function.S.A>",
        "<if ",
        "<if>",
        "</if>",
    ),
    *(
        "<else>",
        "</else>",
        "<foreach ",
        "<ask ",
        "<result ",
        "<x>",
        "</x>",
        "<",
        ">",
        "/>",
        "/",
        "=",
        '"',
        "'",
        "&",
    ),
    *(
        "&amp;",
        "&#0;",
        "&#10;",
        "&x;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?xml ",
        "?>",
        "<!DOCTYPE ",
        "condition=",
    ),
    *(
        'input="a"',
        'in="$L"',
        'item="X"',
        'setContextVariable="A"',
        "$A",
        "text",
        " ",
        "\n",
        "\t",
        "\r",
        "\x00",
        "é",
    ),
]


def check(text: str) -> Reading:
    """What holds of every reading, however odd the text."""
    reading = read_plan(text)
    lines = text.count("\n") + 1
    for found in reading.diagnostics:
        assert found.code in CODES
        assert 1 <= found.line <= lines
        assert found.column >= 1
    assert reading.tree is not None or any(found.is_error for found in reading.diagnostics)
    assert str(PlanError(reading.diagnostics, text)) or not reading.diagnostics
    if reading.tree is not None and not any(found.is_error for found in reading.diagnostics):
        assert read_plan(write_plan(reading.tree)) == Reading(reading.tree, ())
        assert tree_from_json(tree_to_json(reading.tree)) == reading.tree
    return reading


def test_the_sample_itself_is_right() -> None:
    assert [found.code for found in check(SAMPLE).diagnostics] == ["xml-syntax"]


@given(st.text())
def test_arbitrary_text(text: str) -> None:
    check(text)
    check(f"<plan>{text}</plan>")


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_pieces_of_plans_in_any_order(pieces: list[str]) -> None:
    check("".join(pieces))
    check(f"<plan>{''.join(pieces)}</plan>")


@settings(max_examples=300)
@given(st.data())
def test_mutated_plans(data: st.DataObject) -> None:
    text = SAMPLE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    check(text)


def test_plans_cut_anywhere_are_read_or_refused() -> None:
    for end in range(len(SAMPLE)):
        reading = check(SAMPLE[:end])
        codes = {found.code for found in reading.diagnostics if found.is_error}
        if end < SAMPLE.index("</plan>") and end > SAMPLE.index("<plan>") + 60 and reading.tree:
            assert not codes, SAMPLE[:end]


@pytest.mark.parametrize(
    "piece",
    [
        *PIECES,
        *(
            "<a>",
            "</a>",
            "<a/>",
            "<plan> x ",
            "<!--x",
            "<?a",
            '<function.S.A x="y" ',
            "<function.a.b/>",
            "a=''",
            "< ",
        ),
        '<if condition="1"><function.a.b/></if>',
        '<function.a.b x="<&"/>',
        "<function.a.b><x>t</x></function.a.b>",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "<plan>{}", "<plan>{}</plan>", '<plan><function.S.A x="{}"/></plan>']
)
def test_one_piece_a_hundred_thousand_characters_long(piece: str, frame: str) -> None:
    text = frame.format((piece * (100_000 // len(piece))).replace("{", "{{"))
    reading = read_plan(text)
    assert reading.tree is not None or reading.diagnostics
    assert len(reading.diagnostics) <= 2 * Limits().faults + 1


def test_depth_costs_no_recursion() -> None:
    text = "<plan>" + '<if condition="true">' * 30_000 + "</if>" * 30_000 + "</plan>"
    (found,) = read_plan(text).diagnostics
    assert found.code == "limit-exceeded"


@given(st.integers(0, 200))
def test_reading_is_deterministic(end: int) -> None:
    assert read_plan(SAMPLE[:end]) == read_plan(SAMPLE[:end])
