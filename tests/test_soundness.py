"""Running in parallel has the outcome of running one step at a time in document order.

Random plans over functions with real state are run by the executor, with steps of random length on a virtual
clock, and by the small interpreter below, which knows nothing of graphs: it walks the document.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from planloom import Kernel
from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners import Executor, Plan, StepError
from planloom.planners.language.nodes import Argument, Call, ForEach, If, Node, PlanTree, Result
from planloom.planners.language.references import render_text
from planloom.skill import Skill
from virtual_time import run_virtual

RESOURCES = ("a", "b", "c")
VARIABLES = ("V", "W", "X", "Y")


class Boom(Exception):
    pass


@dataclass
class World:
    """Things with state: a log for each resource. A reading returns what it saw, so a wrong order shows."""

    logs: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in RESOURCES})
    wrote: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in RESOURCES})
    failing: bool = True

    def act(self, effect: str, touches: tuple[str, ...], tag: str, value: Any) -> str:
        if tag.endswith("!") and self.failing:
            raise Boom(tag)
        seen = "/".join(str(len(self.logs[name])) for name in touches)
        if effect == "write":
            for name in touches:
                self.logs[name].append(f"{tag}:{render_text(value)}")
                self.wrote[name].append(tag)
        return f"{tag}<{seen}>{render_text(value)[:20]}"


FUNCTIONS = {
    "pure": ("none", ()),
    "read_a": ("read", ("a",)),
    "read_b": ("read", ("b",)),
    "write_a": ("write", ("a",)),
    "write_b": ("write", ("b",)),
    "write_c": ("write", ("c",)),
    "move_ab": ("write", ("a", "b")),
    "look_bc": ("read", ("b", "c")),
}


def kernel_over(world: World, durations: list[int]) -> Kernel:
    remaining = iter(durations * 1000)

    def function(name: str, effect: Any, touches: tuple[str, ...]) -> KernelFunction:
        async def target(value: Any, tag: str) -> str:
            # writes act at the end, reads at the beginning: the hardest order to get right
            pause = next(remaining)
            if effect == "read":
                result = world.act(effect, touches, tag, value)
                await asyncio.sleep(pause)
                return result
            await asyncio.sleep(pause)
            return world.act(effect, touches, tag, value)

        parameters = (Parameter("value", Any), Parameter("tag", str))
        return KernelFunction(
            "T", name, target, effect=effect, touches=touches, declared_parameters=parameters
        )

    def listing(value: Any, size: int) -> list[str]:
        return [f"{render_text(value)[:6]}{n}" for n in range(size)]

    async def list_target(value: Any, size: int) -> list[str]:
        return listing(value, size)

    kernel = Kernel()
    skill = {name: function(name, effect, touches) for name, (effect, touches) in FUNCTIONS.items()}
    skill["list"] = KernelFunction(
        "T", "list", list_target, effect="none",
        declared_parameters=(Parameter("value", Any), Parameter("size", int)),
    )  # fmt: skip
    kernel.add_skill(Skill("T", "", skill))
    return kernel


# -- random plans ----------------------------------------------------------------------------------


class Tags:
    """Every call has a tag of its own, so that logs can be compared step by step."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, failing: bool) -> str:
        self.count += 1
        return f"t{self.count}{'!' if failing else ''}"


@st.composite
def plans(draw: st.DrawFn, may_fail: bool = False) -> PlanTree:
    tags = Tags()
    return PlanTree(tuple(draw(bodies(tags, frozenset(), 0, may_fail))))


@st.composite
def bodies(draw: st.DrawFn, tags: Tags, known: frozenset[str], depth: int, may_fail: bool) -> list[Node]:
    nodes: list[Node] = []
    for _ in range(draw(st.integers(1, 5 if depth else 9))):
        node, known = draw(nodes_after(tags, known, depth, may_fail))
        nodes.append(node)
    return nodes


@st.composite
def nodes_after(
    draw: st.DrawFn, tags: Tags, known: frozenset[str], depth: int, may_fail: bool
) -> tuple[Node, frozenset[str]]:
    kinds = (
        ["call"] * 6 + ["list"] + (["if", "foreach"] if depth < 3 else []) + (["result"] if not depth else [])
    )
    kind = draw(st.sampled_from(kinds))
    value = draw(values(known))
    sets = draw(st.sampled_from([None, *VARIABLES]))
    steps = sorted(known - {"E"})
    after = draw(st.lists(st.sampled_from(steps), max_size=1)) if steps else []
    grown = known | {sets} if sets else known
    if kind == "call":
        name = draw(st.sampled_from(sorted(FUNCTIONS)))
        tag = tags(may_fail and draw(st.integers(0, 7)) == 0)
        omitted = draw(st.booleans()) and draw(st.booleans())
        arguments = (*(() if omitted else (Argument("value", value),)), Argument("tag", tag))
        appends = draw(st.sampled_from([None, None, "RESULT__1", "RESULT__2"]))
        return Call(f"T.{name}", arguments, sets, appends, tuple(after)), grown
    if kind == "list":
        size = str(draw(st.integers(0, 3)))
        return Call("T.list", (Argument("value", value), Argument("size", size)), "L"), known | {"L"}
    if kind == "foreach":
        source = "$L" if "L" in known else "$GIVEN"
        body = draw(bodies(tags, known | {"E"}, depth + 1, may_fail))
        return ForEach("E", source, tuple(body)), known
    if kind == "if":
        condition = draw(conditions(known))
        then = draw(bodies(tags, known, depth + 1, may_fail))
        otherwise = draw(bodies(tags, known, depth + 1, may_fail)) if draw(st.booleans()) else []
        return If(condition, tuple(then), tuple(otherwise)), known
    return Result(f"RESULT__{draw(st.integers(3, 4))}", value), known


@st.composite
def values(draw: st.DrawFn, known: frozenset[str]) -> str:
    name = draw(st.sampled_from(["INPUT", "GIVEN", *sorted(known)]))
    return draw(st.sampled_from([f"${name}", f"in text ${name}!", "literal"]))


@st.composite
def conditions(draw: st.DrawFn, known: frozenset[str]) -> str:
    name = draw(st.sampled_from(["INPUT", *sorted(known - {"L"})]))
    return draw(st.sampled_from([f'"t1" in ${name}', f"not ${name}", f'${name} == "x"', "true", "1 > 2"]))


# -- the interpreter that walks the document -------------------------------------------------------


class Interpreter:
    def __init__(self, world: World, inputs: dict[str, Any]) -> None:
        self.world, self.inputs = world, inputs
        self.results: list[tuple[str, Any]] = []
        self.listed: set[str] = set()
        self.ran: list[str] = []

    def run(self, tree: PlanTree) -> dict[str, Any]:
        variables: dict[str, Any] = dict(self.inputs) | {"": self.inputs["INPUT"]}
        self.body(tree.nodes, variables, set())
        return variables

    def body(self, nodes: tuple[Node, ...], variables: dict[str, Any], were_set: set[str]) -> None:
        for node in nodes:
            if isinstance(node, Call):
                self.call(node, variables, were_set)
            elif isinstance(node, If):
                branch = node.then if self.holds(node.condition, variables) else node.otherwise
                self.body(branch, variables, were_set)
            elif isinstance(node, ForEach):
                self.loop(node, variables, were_set)
            elif isinstance(node, Result):
                self.results.append((node.name, self.value(node.value, variables)))

    def call(self, node: Call, variables: dict[str, Any], were_set: set[str]) -> None:
        written = {argument.name: argument.text for argument in node.arguments}
        value = self.value(written["value"], variables) if "value" in written else variables[""]
        if node.function == "T.list":
            output: Any = [f"{render_text(value)[:6]}{n}" for n in range(int(written["size"]))]
        else:
            effect, touches = FUNCTIONS[node.function.partition(".")[2]]
            output = self.world.act(effect, touches, written["tag"], value)
            self.ran.append(written["tag"])
        for name in ("", node.sets):
            if name is not None:
                variables[name] = output
                were_set.add(name)
        if node.appends:
            self.results.append((node.appends, output))

    def loop(self, node: ForEach, variables: dict[str, Any], were_set: set[str]) -> None:
        elements = self.value(node.source, variables)
        names = set(set_in(node.body))
        lists: dict[str, list[Any]] = {name: [] for name in names}
        self.listed |= set(returned_in(node.body))
        for element in elements:
            inner, inner_set = dict(variables) | {"E": element, "": element}, set[str]()
            self.body(node.body, inner, inner_set)
            for name in names:
                lists[name].append(inner[name] if name in inner_set else None)
        variables |= lists
        were_set |= names

    def value(self, text: str, variables: dict[str, Any]) -> Any:
        if text.startswith("in text $"):
            return f"in text {render_text(variables[text[9:-1]])}!"
        return variables[text[1:]] if text.startswith("$") else text

    def holds(self, condition: str, variables: dict[str, Any]) -> bool:
        if condition in ("true", "1 > 2"):
            return condition == "true"
        if condition.startswith("not $"):
            return not variables[condition[5:]]
        if condition.startswith('"t1" in $'):
            return "t1" in variables[condition[9:]]
        name = condition.partition(" ")[0][1:]
        return bool(variables[name] == "x")


def set_in(nodes: tuple[Node, ...]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, Call):
            names += ["", *([node.sets] if node.sets else [])]
        elif isinstance(node, If):
            names += set_in(node.then) + set_in(node.otherwise)
        elif isinstance(node, ForEach):
            names += set_in(node.body)
    return names


def returned_in(nodes: tuple[Node, ...]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, Call) and node.appends:
            names.append(node.appends)
        elif isinstance(node, If):
            names += returned_in(node.then) + returned_in(node.otherwise)
    return names


# -- the properties --------------------------------------------------------------------------------

GIVEN = {"INPUT": "x", "GIVEN": ["g1", "g2"]}
durations = st.lists(st.integers(0, 9), min_size=1, max_size=12)


def gathered(oracle: Interpreter) -> dict[str, Any]:
    """Results by name: a list if a name was returned more than once, or in a loop."""
    found: dict[str, list[Any]] = {}
    for name, value in oracle.results:
        found.setdefault(name, []).append(value)
    return {
        name: values if len(values) > 1 or name in oracle.listed else values[0]
        for name, values in found.items()
    }


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=plans(), pauses=durations, limit=st.sampled_from([None, None, 1, 2, 3]))
def test_parallel_running_has_the_outcome_of_walking_the_document(
    tree: PlanTree, pauses: list[int], limit: int | None
) -> None:
    oracle = Interpreter(World(), GIVEN)
    try:
        expected = oracle.run(tree)
    except (
        KeyError,
        TypeError,
    ) as error:  # a name under a condition that did not hold, or a list in a condition
        assert error
        return
    world = World()
    kernel = kernel_over(world, pauses)
    plan = Plan(tree, kernel.functions)
    result, _ = run_virtual(Executor(kernel, max_concurrency=limit).run(plan, GIVEN))
    assert world.logs == oracle.world.logs
    assert sorted(record.arguments["tag"] for record in result.steps if "tag" in record.arguments) == sorted(
        oracle.ran
    )
    for name in VARIABLES:
        if name in expected:
            assert result.variables[name] == expected[name]
    # a name that only an empty loop returns holds an empty list
    expected_results = {name: value for name, value in gathered(oracle).items() if value != []}
    assert {name: value for name, value in result.results.items() if value != []} == expected_results


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=plans(may_fail=True), pauses=durations)
def test_a_failing_plan_wrote_on_each_resource_a_prefix_of_what_the_document_writes(
    tree: PlanTree, pauses: list[int]
) -> None:
    oracle = Interpreter(World(failing=False), GIVEN)
    try:
        oracle.run(tree)
    except (KeyError, TypeError):  # a name under a condition that did not hold, or a list in a condition
        reject()
    failing = [tag for tag in oracle.ran if tag.endswith("!")]
    world = World()
    kernel = kernel_over(world, pauses)
    plan = Plan(tree, kernel.functions)
    try:
        run_virtual(Executor(kernel).run(plan, GIVEN))
    except StepError as error:
        assert isinstance(error.__cause__, Boom)
        assert error.arguments["tag"] in failing
        ran = {record.step: record.status for record in error.done}
        assert ran[error.step] == "failed"
        assert {"running"} & set(ran.values()) == set()
    else:
        assert not failing
    for name in RESOURCES:
        wrote = world.wrote[name]
        assert wrote == oracle.world.wrote[name][: len(wrote)]
        assert not any(tag.endswith("!") for tag in wrote)
