"""Writing plans: canonical XML and JSON, and back to the same tree."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.planners.errors import PlanError
from planloom.planners.language.characters import illegal_characters
from planloom.planners.language.diagnostic import Code
from planloom.planners.language.json_form import PLAN_SCHEMA, tree_from_json, tree_to_json
from planloom.planners.language.limits import Limits
from planloom.planners.language.nodes import Argument, Ask, Call, ForEach, If, Node, Place, PlanTree, Result
from planloom.planners.language.reader import Reading, read_plan
from planloom.planners.language.writer import write_plan
from planloom.signature import RESERVED

A = Call("S.A", (Argument("input", "a"),))

TEXTS = st.text(st.characters() | st.sampled_from("<>&\"'\n\r\t]$ é😀"), max_size=130).filter(
    lambda text: next(illegal_characters(text), None) is None
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VARIABLES = NAMES.filter(lambda name: name.lower() != "input")
FUNCTIONS = st.builds("{}.{}".format, NAMES, NAMES)
CONDITIONS = st.sampled_from(["$A", "$A.b > 1 and not $C", "$X in ['<', \"&\"]", "'\t' == '\n'"])
ARGUMENTS = st.dictionaries(NAMES.filter(lambda name: name.lower() not in RESERVED), TEXTS, max_size=4).map(
    lambda texts: tuple(Argument(name, text) for name, text in texts.items())
)
LEAVES = (
    st.builds(
        Call,
        FUNCTIONS,
        ARGUMENTS,
        st.none() | VARIABLES,
        st.none() | NAMES,
        st.lists(NAMES, max_size=2).map(tuple),
    )
    | st.builds(Ask, VARIABLES, TEXTS)
    | st.builds(Result, NAMES, TEXTS)
)


def bodies(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[tuple[Node, ...]]:
    return st.lists(nodes, min_size=1, max_size=3).map(tuple)


NODES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(If, CONDITIONS, bodies(inner), st.just(()) | bodies(inner))
        | st.builds(ForEach, VARIABLES, TEXTS, bodies(inner))
    ),
    max_leaves=8,
)
TREES = st.builds(PlanTree, bodies(NODES))


class TestRoundTrips:
    @given(TREES)
    def test_xml_is_read_back_as_the_same_tree_without_a_word(self, tree: PlanTree) -> None:
        assert read_plan(write_plan(tree)) == Reading(tree, ())

    @given(TREES)
    def test_writing_is_canonical(self, tree: PlanTree) -> None:
        written = write_plan(tree)
        again = read_plan(written).tree
        assert again is not None
        assert write_plan(again) == written

    @given(TREES)
    def test_what_is_written_is_xml_to_others_too(self, tree: PlanTree) -> None:
        root = ElementTree.fromstring(write_plan(tree))
        assert root.tag == "plan"
        assert len(root.findall("*")) == sum(
            2 if isinstance(node, If) and node.otherwise else 1 for node in tree.nodes
        )

    @given(TREES)
    def test_json_is_read_back_as_the_same_tree(self, tree: PlanTree) -> None:
        assert tree_from_json(tree_to_json(tree)) == tree

    @pytest.mark.parametrize("depth", [30, 31])
    def test_what_is_at_the_limit_of_depth_can_be_read_and_written(self, depth: int) -> None:
        node: Node = Call("S.A", (Argument("x", "1\n2"),))
        for _ in range(depth - 1):
            node = ForEach("X", "$L", (node,))
        tree = PlanTree((node,))
        assert read_plan(write_plan(tree)).tree == tree
        assert tree_from_json(tree_to_json(tree)) == tree


class TestWriting:
    def test_the_look(self) -> None:
        tree = PlanTree(
            (
                Call("Names.getNickName", (Argument("name", "Steven"),), "NICK", place=Place(7, 7)),
                Ask("CITY", 'Which "city"?'),
                If(
                    "$NICK != '' and 1 < 2",
                    (Call("E.send", (Argument("to", "k"), Argument("body", "a\n<b>"), Argument("x", "1"))),),
                    (ForEach("X", "$L", (Call("S.A", appends="R", after=("A", "B")),)),),
                ),
                Result("RESULT__1", 'it\'s a "tab":\t&'),
            )
        )
        assert write_plan(tree) == (
            "<plan>\n"
            '  <function.Names.getNickName name="Steven" setContextVariable="NICK"/>\n'
            '  <ask setContextVariable="CITY" question=\'Which "city"?\'/>\n'
            "  <if condition=\"$NICK != '' and 1 &lt; 2\">\n"
            '    <function.E.send to="k">\n'
            "      <body>a\n&lt;b></body>\n"
            "      <x>1</x>\n"
            "    </function.E.send>\n"
            "  </if>\n"
            "  <else>\n"
            '    <foreach item="X" in="$L">\n'
            '      <function.S.A appendToResult="R" after="A,B"/>\n'
            "    </foreach>\n"
            "  </else>\n"
            '  <result name="RESULT__1" value="it\'s a &quot;tab&quot;:&#9;&amp;"/>\n'
            "</plan>\n"
            "<!-- END -->"
        )

    def test_the_empty_plan(self) -> None:
        assert write_plan(PlanTree(())) == "<plan/>\n<!-- END -->"
        assert read_plan(write_plan(PlanTree(()))).tree == PlanTree(())

    def test_a_long_argument_becomes_an_element(self) -> None:
        assert "<x>aaa" in write_plan(PlanTree((Call("S.A", (Argument("x", "a" * 101),)),)))

    @pytest.mark.parametrize(
        ("node", "code", "said"),
        [
            (Call("S.A", (Argument("x", "\x00"),)), "xml-syntax", "U+0000"),
            (Call("S.A", (Argument("x", "a\ud800"),)), "xml-syntax", "U+D800"),
            (Ask("A", "\x1b"), "xml-syntax", "U+001B"),
            (Result("A", "\uffff"), "xml-syntax", "U+FFFF"),
            (ForEach("A", "\x08", (A,)), "xml-syntax", "U+0008"),
            (Call("S A"), "unknown-function", "S A"),
            (Call("S-A"), "unknown-function", "S-A"),
            (Call(""), "unknown-function", ""),
            (Call('S.A x="1"'), "unknown-function", "S.A"),
            (Call("S.A", (Argument("a b", ""),)), "unknown-argument", "a b"),
            (Call("S.A", (Argument("After", ""),)), "unknown-argument", "After"),
            (Call("S.A", (Argument("a", ""), Argument("a", ""))), "xml-syntax", "twice"),
            (Call("S.A", sets="INPUT"), "bad-reference", "INPUT"),
            (Call("S.A", sets="$A"), "bad-reference", "$A"),
            (Call("S.A", appends=""), "bad-reference", "empty"),
            (Call("S.A", after=("a,b",)), "bad-reference", "a,b"),
            (Ask("1", ""), "bad-reference", "1"),
            (Result("a-b", ""), "bad-reference", "a-b"),
            (ForEach("input", "$L", (A,)), "bad-reference", "input"),
            (If("$A ==", (A,)), "bad-condition", "early"),
            (If("$A", ()), "xml-syntax", "no steps"),
            (ForEach("X", "$L", ()), "xml-syntax", "no steps"),
            (If("$A", (If("$A", (), (A,)),)), "xml-syntax", "no steps"),
        ],
    )
    def test_what_cannot_be_written_is_refused_by_name(self, node: Node, code: Code, said: str) -> None:
        for write in (write_plan, tree_to_json):
            with pytest.raises(PlanError) as caught:
                write(PlanTree((A, node)))
            (found,) = caught.value.errors
            assert found.code == code
            assert said in found.message

    @pytest.mark.parametrize("limits", [Limits(steps=2), Limits(depth=2), Limits(attributes=1)])
    def test_limits_hold_for_trees_too(self, limits: Limits) -> None:
        call = Call("S.A", (Argument("x", "1"),), sets="A")
        tree = PlanTree((ForEach("X", "$L", (call, call)),))
        write_plan(tree)
        with pytest.raises(PlanError, match="limit-exceeded"):
            write_plan(tree, limits)

    def test_depth_costs_no_recursion(self) -> None:
        node: Node = A
        for _ in range(10_000):
            node = If("$A", (node,))
        with pytest.raises(PlanError, match="limit-exceeded"):
            write_plan(PlanTree((node,)))


def as_json(*steps: object) -> str:
    return json.dumps({"planloom": 1, "steps": steps})


class TestJson:
    def test_the_look(self) -> None:
        tree = PlanTree((If("$A", (Call("S.A", (Argument("x", "1"),), "V", after=("B",)),)), Ask("C", "")))
        assert json.loads(tree_to_json(tree)) == {
            "planloom": 1,
            "steps": [
                {
                    "if": "$A",
                    "then": [
                        {
                            "function": "S.A",
                            "arguments": {"x": "1"},
                            "setContextVariable": "V",
                            "after": ["B"],
                        }
                    ],
                },
                {"ask": "", "setContextVariable": "C"},
            ],
        }

    def test_the_schema_is_plain_json(self) -> None:
        assert json.loads(json.dumps(PLAN_SCHEMA)) == PLAN_SCHEMA
        assert len(PLAN_SCHEMA["$defs"]["step"]["oneOf"]) == 5

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", "xml-syntax"),
            ("{", "xml-syntax"),
            ("[" * 200_000, "limit-exceeded"),
            ("9" * 5000, "xml-syntax"),
            (" " * 1_000_001, "limit-exceeded"),
            ("null", "xml-syntax"),
            ("{}", "xml-syntax"),
            ('{"planloom": 2, "steps": []}', "xml-syntax"),
            ('{"planloom": true, "steps": []}', "xml-syntax"),
            ('{"planloom": 1, "planloom": 1, "steps": []}', "xml-syntax"),
            ('{"planloom": 1, "steps": {}}', "xml-syntax"),
            (as_json(), "empty-plan"),
            (as_json(5), "unknown-element"),
            (as_json({"exec": "x"}), "unknown-element"),
            (as_json({"function": "S.A", "lc": 1}), "unknown-argument"),
            (as_json({"function": 5}), "xml-syntax"),
            (as_json({"function": "S.A", "arguments": {"x": 1}}), "xml-syntax"),
            (as_json({"function": "S.A", "arguments": ["x"]}), "xml-syntax"),
            (as_json({"function": "S.A", "after": "B"}), "xml-syntax"),
            (as_json({"function": "S.A", "after": [None]}), "xml-syntax"),
            (as_json({"function": "S.A", "setContextVariable": "INPUT"}), "bad-reference"),
            (as_json({"function": "S.A", "setContextVariable": None}), "xml-syntax"),
            (as_json({"ask": "?"}), "missing-argument"),
            (as_json({"if": "$A", "then": []}), "xml-syntax"),
            (as_json({"if": "len($A)", "then": [{"function": "S.A"}]}), "bad-condition"),
            (as_json({"function": "S.A", "arguments": {"x": "\ud800"}}), "xml-syntax"),
        ],
    )
    def test_faults(self, text: str, code: Code) -> None:
        with pytest.raises(PlanError) as caught:
            tree_from_json(text)
        assert [found.code for found in caught.value.errors] == [code]
        assert str(caught.value)

    def test_every_fault_is_told(self) -> None:
        with pytest.raises(PlanError) as caught:
            tree_from_json(as_json({"function": 5}, {"ask": "?", "x": 1}, 7))
        codes = [found.code for found in caught.value.errors]
        assert codes == ["xml-syntax", "unknown-argument", "missing-argument", "unknown-element"]
        assert "/steps/0/function" in caught.value.errors[0].message

    def test_too_many_faults_are_cut(self) -> None:
        with pytest.raises(PlanError) as caught:
            tree_from_json(as_json(*range(500)), Limits(faults=3))
        assert len(caught.value.errors) == 3

    def test_nested_too_deep(self) -> None:
        step: dict[str, Any] = {"function": "S.A"}
        for _ in range(40):
            step = {"foreach": "X", "in": "$L", "do": [step]}
        with pytest.raises(PlanError, match="limit-exceeded"):
            tree_from_json(as_json(step))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["function", "if", "then", "ask", "after", "x"]), inner, max_size=3
                )
            ),
        )
    )
    def test_any_json_is_a_tree_or_the_named_error(self, value: object) -> None:
        for text in (json.dumps(value), as_json(value)):
            try:
                assert tree_from_json(text).nodes
            except PlanError as error:
                assert error.errors
