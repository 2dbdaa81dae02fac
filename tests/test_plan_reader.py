"""Reading plans: text to syntax tree, with every fault said."""

from __future__ import annotations

import pytest

from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Argument, Ask, Call, ForEach, If, Node, Place, PlanTree, Result
from planloom.planners.language.reader import Reading, read_plan


def codes(reading: Reading, severity: str = "error") -> list[str]:
    return [found.code for found in reading.diagnostics if found.severity == severity]


def nodes(text: str) -> tuple[Node, ...]:
    """The nodes of a plan that is read without errors."""
    reading = read_plan(text)
    assert codes(reading) == []
    assert reading.tree is not None
    return reading.tree.nodes


def the_call(text: str) -> Call:
    (node,) = nodes(text)
    assert isinstance(node, Call)
    return node


def argument(text: str) -> str:
    (only,) = the_call(text).arguments
    return only.text


def plan(body: str) -> str:
    return f"<plan>{body}</plan>"


A = '<function.S.A input="a"/>'
A_CALL = Call("S.A", (Argument("input", "a"),))


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            plan(A),
            f"{plan(A)}<!-- END -->",
            f"{plan(A)}<!-- ",
            f"Sure! Here is the plan:\n{plan(A)}",
            f"{plan(A)} a < b & c",
            f"```xml\n{plan(A)}\n```",
            f'<?xml version="1.0" encoding="UTF-8"?>\n{plan(A)}',
            f"<goal>G</goal>\n{plan(A)}",
            f"<response>{plan(A)}</response>",
            f"You asked for a <plan> of steps: {plan(A)}",
            f"{plan(A)} That <plan> has one step.",
            f"<!-- <plan><x/></plan> --> {plan(A)}",
            f"<PLAN>{A}</Plan>",
            f"<plan >{A}</plan\n>",
            f"<plan><!-- why > < & -->{A}</plan>",
            "<plan><function.S.A input='a'></function.S.A></plan>",
            '<plan><function.S-A input = "a" ></function.S.A></plan>',
            "<plan><Function.S.A><input>a</input></function.S-A></plan>",
        ],
    )
    def test_one_plan_is_found_in(self, text: str) -> None:
        reading = read_plan(text)
        assert reading == Reading(PlanTree((A_CALL,)), ())

    @pytest.mark.parametrize(
        "text",
        [
            f"<plan>{A}",
            f"<plan>{A}\n",
            f"<plan>{A}</",
            f"<plan>{A}</pla",
            f"<plan>{A}</plan",
            f"<plan>{A}<!-- END",
            f"<plan>{A}\n```\n",
        ],
    )
    def test_a_missing_end_after_complete_elements_is_mended(self, text: str) -> None:
        reading = read_plan(text)
        assert reading.tree == PlanTree((A_CALL,))
        assert codes(reading, "warning") == ["truncated-plan"]

    @pytest.mark.parametrize(
        "text",
        [
            f"<plan>{A}<function.S.B inp",
            f"<plan>{A}<function.S.B",
            f'<plan>{A}<function.S.B input="x',
            f'<plan>{A}<function.S.B input="x"',
            f'<plan>{A}<function.S.B input="x"/',
            f"<plan>{A}<function.S.B><input>x",
            f"<plan>{A}<function.S.B><input><![CDATA[x",
            f'<plan>{A}<if condition="true">{A}',
            f"<plan>{A}<!-- and now the second st",
            "<plan>",
            "<plan",
        ],
    )
    def test_a_cut_plan_is_refused(self, text: str) -> None:
        reading = read_plan(text)
        assert codes(reading) == ["truncated-plan"]
        assert reading.tree is None

    @pytest.mark.parametrize("text", [plan(A) * 2, plan(plan(A)), f"<plan>{A}{plan(A)}", f"<plan/>{plan(A)}"])
    def test_two_plans_are_refused(self, text: str) -> None:
        reading = read_plan(text)
        assert codes(reading) == ["multiple-plans"]
        assert reading.tree is None

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("", "empty"),
            ("I cannot do that.", "<plan/>"),
            ("You wanted a <plan> but I cannot.", "<plan/>"),
            ("<planner></planner>", "<plan/>"),
            ('{"steps": []}', "JSON"),
            (A, "between <plan> and </plan>"),
            (f"<!-- {plan(A)} -->", "between"),
        ],
    )
    def test_no_plan(self, text: str, hint: str) -> None:
        (found,) = read_plan(text).diagnostics
        assert found.code == "no-plan"
        assert hint in found.hint

    @pytest.mark.parametrize("text", ["<plan/>", "<plan></plan>", "<plan> <!-- nothing --> </plan>"])
    def test_the_empty_plan_says_that_it_cannot_be_done(self, text: str) -> None:
        reading = read_plan(text)
        assert codes(reading) == ["empty-plan"]
        assert reading.tree == PlanTree(())

    def test_a_plan_with_faults_only_is_not_called_empty(self) -> None:
        assert codes(read_plan("<plan>I cannot do that.</plan>")) == ["unexpected-text"]

    def test_attributes_of_the_plan_are_passed_over_with_a_warning(self) -> None:
        reading = read_plan(f'<plan name="x">{A}</plan>')
        assert reading.tree == PlanTree((A_CALL,))
        assert codes(reading, "warning") == ["unknown-argument"]


class TestMarkup:
    @pytest.mark.parametrize(
        "text",
        [
            f'<!DOCTYPE plan [<!ENTITY x "boom">]>{plan(A)}',
            f"<?php x ?>{plan(A)}",
            f'<?xml version="1.0"?><?xml version="1.0"?>{plan(A)}',
            f"{plan(A)}<?xml version='1.0'?>",
            plan(f"<?go now?>{A}"),
            plan(f"<!ENTITY x 'y'>{A}"),
            plan('<function.S.A input="&x;"/>'),
            plan("<function.S.A><input>&nbsp;</input></function.S.A>"),
        ],
    )
    def test_forbidden(self, text: str) -> None:
        reading = read_plan(text)
        assert codes(reading) == ["forbidden-xml"]
        assert reading.tree is None

    @pytest.mark.parametrize(
        "body",
        [
            '<function.S.A input="a" input="b"/>',
            '<function.S.A input="a"><input>b</input></function.S.A>',
            "<function.S.A><input>a</input><input>b</input></function.S.A>",
            '<function.S.A setContextVariable="A" setcontextvariable="B"/>',
            '<function.S.A input="{"a": 1}"/>',
            "<function.S.A input=a/>",
            "<function.S.A input/>",
            '<function.S.A input="a"from="b"/>',
            "<function.S.A input='&#0;'/>",
            "<function.S.A input='&#xD800;'/>",
            "<function.S.A input='&#x110000;'/>",
            "<function.S.A input='&#99999999999999999999;'/>",
            "<function.S.A input='&#zz;'/>",
            '<function.S.A input="\x00"/>',
            '<function.S.A input="\ud800"/>',
            f"{A}</function.S.A>",
            f"{A}</x>",
            f"{A}</>",
            f'<if condition="true"><function.S.A></if>{A}',
            '<if condition="true"></if>',
            '<foreach item="X" in="$L"/>',
        ],
    )
    def test_malformed(self, body: str) -> None:
        reading = read_plan(plan(body))
        assert set(codes(reading)) == {"xml-syntax"}
        assert reading.tree is None

    def test_reading_goes_on_after_a_broken_tag(self) -> None:
        reading = read_plan(plan('<function.S.A input=a/><function.S.B input="{"x"}"/><loop/>text'))
        assert codes(reading) == ["xml-syntax", "xml-syntax", "unknown-element", "unexpected-text"]

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("&lt;b&gt; &amp; &quot;q&quot; &apos;s&apos; &#65;&#x42;", "<b> & \"q\" 's' AB"),
            ("he said 'x'", "he said 'x'"),
            ("l1\nl2\tl3\r\nl4\rl5", "l1 l2 l3 l4 l5"),
            ("l1&#10;l2&#9;&#13;", "l1\nl2\t\r"),
            ("  x  ", "  x  "),
            ("a > b", "a > b"),
            ("&amp;lt;", "&lt;"),
            ("", ""),
            ("赵本山 😀", "赵本山 😀"),
        ],
    )
    def test_attribute_values(self, written: str, read: str) -> None:
        reading = read_plan(plan(f'<function.S.A input="{written}"/>'))
        assert reading == Reading(PlanTree((Call("S.A", (Argument("input", read),)),)), ())

    @pytest.mark.parametrize(
        "value", ["a & b", "<USER_ID>", "AT&T", "?a=1&b=2", "a < b && c", "&;", "&#;x", "& amp;"]
    )
    def test_bare_characters_in_a_value_are_mended(self, value: str) -> None:
        reading = read_plan(plan(f'<function.S.A input="{value}"/>'))
        assert reading.tree == PlanTree((Call("S.A", (Argument("input", value),)),))
        assert set(codes(reading, "warning")) == {"xml-syntax"}
        assert codes(reading) == []

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("line 1\nline 2 &amp; more", "line 1\nline 2 & more"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("<![CDATA[a < b && c]]>", "a < b && c"),
            ("x<![CDATA[ <y> ]]>z&lt;", "x <y> z<"),
            ("a<!-- no -->b", "ab"),
            ("\n  x\n", "\n  x\n"),
            ("a < b & c", "a < b & c"),
        ],
    )
    def test_element_arguments(self, written: str, read: str) -> None:
        assert argument(plan(f"<function.S.A><input>{written}</input></function.S.A>")) == read

    def test_an_empty_element_is_an_empty_argument(self) -> None:
        assert argument(plan("<function.S.A><input/></function.S.A>")) == ""


class TestElements:
    def test_reserved_attributes(self) -> None:
        call = the_call(plan('<function.S.A setcontextvariable="A" APPENDTORESULT="R" After="B, C" x="1"/>'))
        assert call == Call("S.A", (Argument("x", "1"),), "A", "R", ("B", "C"))

    @pytest.mark.parametrize("written", ["$A", "${A}", " A "])
    def test_a_name_written_as_a_reference_is_mended(self, written: str) -> None:
        reading = read_plan(plan(f'<function.S.A setContextVariable="{written}"/>'))
        assert reading.tree == PlanTree((Call("S.A", sets="A"),))
        assert codes(reading, "warning") == ["bad-reference"]

    @pytest.mark.parametrize("name", ["INPUT", "$input", "", "5x", "a b", "a.b", "$$A", "A;B"])
    def test_names_that_cannot_be_set(self, name: str) -> None:
        for body in (
            f'<function.S.A setContextVariable="{name}"/>',
            f'<ask setContextVariable="{name}" question="?"/>',
            f'<foreach item="{name}" in="$L">{A}</foreach>',
        ):
            reading = read_plan(plan(body))
            assert codes(reading) == ["bad-reference"]

    def test_names_may_use_any_script(self) -> None:
        assert the_call(plan('<function.S.A setContextVariable="straße_名2"/>')).sets == "straße_名2"

    @pytest.mark.parametrize(
        ("element", "function"),
        [("S.A", "S.A"), ("S-A", "S.A"), ("S-A-B", "S.A-B"), ("S.A.B", "S.A.B"), ("A", "A"), ("S_A", "S_A")],
    )
    def test_function_names(self, element: str, function: str) -> None:
        assert the_call(plan(f"<function.{element}/>")).function == function

    def test_if_and_else(self) -> None:
        body = f'<if condition="$A > 1">{A}</if> <!-- or --> <else>{A}{A}</else>'
        assert nodes(plan(body)) == (If("$A > 1", (A_CALL,), (A_CALL, A_CALL)),)

    def test_nested_bodies(self) -> None:
        body = f'<foreach item="X" in="$L"><if condition="$X">{A}</if><else>{A}</else></foreach>{A}'
        assert nodes(plan(body)) == (ForEach("X", "$L", (If("$X", (A_CALL,), (A_CALL,)),)), A_CALL)

    def test_ask_and_result(self) -> None:
        body = '<ask setContextVariable="C" question="Which?"/><result name="R" value="$C.x"></result>'
        assert nodes(plan(body)) == (Ask("C", "Which?"), Result("R", "$C.x"))

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("<loop/>", "unknown-element"),
            ("<function/>", "unknown-element"),
            (f"<else>{A}</else>", "unknown-element"),
            (f'<if condition="true">{A}</if><else>{A}</else><else>{A}</else>', "unknown-element"),
            (f'<if condition="true">{A}</if>{A}<else>{A}</else>', "unknown-element"),
            (f'<if condition="true">{A}</if><else><else>{A}</else></else>', "unknown-element"),
            (f"<function.S.A>{A}</function.S.A>", "unknown-element"),
            ("<function.S.A><input><b>x</b></input></function.S.A>", "unknown-element"),
            ("<function.S.A><after>X</after></function.S.A>", "unknown-element"),
            ('<result name="R" value="1"><x/></result>', "unknown-element"),
            ("<function.S.A>body</function.S.A>", "unexpected-text"),
            ('<ask setContextVariable="A" question="?">x</ask>', "unexpected-text"),
            ("<![CDATA[x]]>" + A, "unexpected-text"),
            (f"{A} & then {A}", "unexpected-text"),
            (f"1 < 2 {A}", "unexpected-text"),
            (f"<if>{A}</if>", "missing-argument"),
            ('<ask question="?"/>', "missing-argument"),
            ('<result name="R"/>', "missing-argument"),
            (f'<foreach in="$L">{A}</foreach>', "missing-argument"),
            (f'<if condition="true" then="x">{A}</if>', "unknown-argument"),
            (f'<if condition="true">{A}</if><else if="x">{A}</else>', "unknown-argument"),
            ('<result name="R" value="1" x="2"/>', "unknown-argument"),
            ('<function.S.A a.b="1"/>', "unknown-argument"),
            ("<function.S.A><x y='1'>t</x></function.S.A>", "unknown-argument"),
            (f'<if condition="len($A) > 1">{A}</if>', "bad-condition"),
            (f'<if condition="">{A}</if>', "bad-condition"),
            ('<function.S.A after=""/>', "bad-reference"),
        ],
    )
    def test_faults(self, body: str, code: str) -> None:
        assert codes(read_plan(plan(body))) == [code]

    def test_what_is_inside_a_faulty_element_is_looked_at_too(self) -> None:
        reading = read_plan(plan(f'<loop>{A}</loop><if condition="a b">{A}<b/></if><else>{A}</else>'))
        assert codes(reading) == ["unknown-element", "bad-condition", "unknown-element"]
        assert reading.tree == PlanTree((A_CALL, A_CALL))

    def test_an_empty_else_is_only_a_warning(self) -> None:
        reading = read_plan(plan(f'<if condition="true">{A}</if><else/>'))
        assert reading.tree == PlanTree((If("true", (A_CALL,)),))
        assert codes(reading, "warning") == ["xml-syntax"]


class TestPlaces:
    def test_nodes_know_where_they_stand(self) -> None:
        (call,) = nodes('Here:\r\n<plan>\n  <function.S.A\n    input="a"><x>1</x></function.S.A>\n</plan>')
        assert isinstance(call, Call)
        assert call.place == Place(3, 3)
        assert [argument.place for argument in call.arguments] == [Place(4, 5), Place(4, 15)]

    def test_a_condition_points_at_the_fault(self) -> None:
        (found,) = read_plan(plan(f'\n<if condition="$A and and $B">{A}</if>')).diagnostics
        assert (found.line, found.column) == (2, 23)

    def test_diagnostics_come_in_the_order_of_the_text(self) -> None:
        reading = read_plan(plan('x<loop/><function.S.A input="\x01&"/>y'))
        assert [found.column for found in reading.diagnostics] == sorted(
            found.column for found in reading.diagnostics
        )


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "limits"),
        [
            (plan(A), Limits(bytes=10)),
            (plan("é" * 60), Limits(bytes=100)),
            (plan("<a>" * 5), Limits(depth=4)),
            (plan(A * 4), Limits(steps=3)),
            (plan(f'<if condition="true">{A}</if>' * 2), Limits(steps=3)),
            (plan('<function.S.A a="" b="" c=""/>'), Limits(attributes=2)),
            (plan("<function.S.A a=''><b/><c/></function.S.A>"), Limits(attributes=2)),
        ],
    )
    def test_over_a_limit_there_is_no_tree(self, text: str, limits: Limits) -> None:
        reading = read_plan(text, limits)
        assert "limit-exceeded" in codes(reading)
        assert reading.tree is None
        assert "limit-exceeded" not in codes(read_plan(text))

    def test_reading_stops_after_too_many_errors(self) -> None:
        reading = read_plan(plan("<a/>" * 500), Limits(faults=7))
        assert codes(reading) == ["unknown-element"] * 7 + ["limit-exceeded"]

    def test_many_warnings_do_not_make_a_plan_wrong(self) -> None:
        reading = read_plan(plan('<function.S.A input="a & b"/>' * 50), Limits(faults=7))
        assert codes(reading) == []
        assert len(reading.diagnostics) == 7
        assert reading.tree is not None
        assert len(reading.tree.nodes) == 50
