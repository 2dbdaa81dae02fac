"""Published plans, as far as they lie beside the checkout: every one parses, checks, runs and resolves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from planloom import Kernel
from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners import Executor, Plan, PlanError
from planloom.planners.language.nodes import Argument, Call, Node, PlanTree, Result
from planloom.planners.language.paths import walk
from planloom.planners.language.references import Reference, Template, Text, parse_value
from planloom.planners.language.writer import write_plan
from planloom.skill import Skill
from virtual_time import run_virtual

DATA = Path(__file__).parents[2] / "shared" / "data"
TYPES: dict[str, Any] = {
    "str": str, "string": str, "int": int, "integer": int, "float": float, "number": float, "bool": bool,
    "boolean": bool, "array": list[Any], "list": list[Any], "object": dict[str, Any], "dict": dict[str, Any],
}  # fmt: skip

NAMES_NOTHING = {
    # their published result names a variable that no published step sets; the checker must say so
    "nestful_glaive-45": "var4",
    "nestful_glaive-94": "var2",
    "nestful_glaive-103": "var3",
    "nestful_glaive-104": "var3",
    "nestful_sgd-18": "var3",
    "nestful_sgd-34": "var2",
}


@cache
def tasks(name: str) -> tuple[dict[str, Any], ...]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the checkout")
    return tuple(json.loads(line) for line in path.read_text().splitlines())


def function_name(published: str) -> str:
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in published)
    return name if not name[0].isdigit() else f"_{name}"


def fields_of(steps: list[dict[str, Any]], expected: Any) -> dict[str, Any]:
    """For each variable a value that has every field and index that a later step refers to."""
    made: dict[str, Any] = {step["output_var"]: f"value of {step['output_var']}" for step in steps}
    for reference in references(steps, expected):
        if reference.path and reference.name in made:
            made[reference.name] = grown(made[reference.name], reference.path, str(reference))
    return made


def grown(value: Any, path: tuple[str | int, ...], leaf: str) -> Any:
    if not path:
        return value if isinstance(value, dict | list) else leaf
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = value if isinstance(value, list) else []
        items += ["other"] * (head + 1 - len(items))
        items[head] = grown(items[head], rest, leaf)
        return items
    fields = value if isinstance(value, dict) else {}
    fields[head] = grown(fields.get(head), rest, leaf)
    return fields


def references(steps: list[dict[str, Any]], expected: Any) -> Iterator[Reference]:
    for step in steps:
        for argument in step["args"].values():
            yield from inside(argument)
    yield from inside(list(((expected or {}).get("result_binding") or {}).values()))


def inside(argument: Any) -> Iterator[Reference]:
    if isinstance(argument, list | dict):
        for item in argument.values() if isinstance(argument, dict) else argument:
            yield from inside(item)
    elif isinstance(argument, str):
        value = parse_value(argument)
        parts = value.parts if isinstance(value, Template) else (value,)
        yield from (part for part in parts if isinstance(part, Reference))


def argument_text(argument: Any) -> str:
    """An argument as a plan writes it."""
    return argument if isinstance(argument, str) else json.dumps(argument, ensure_ascii=False)


def plan_of(task: dict[str, Any]) -> str:
    nodes: list[Node] = [
        Call(
            f"T.{function_name(step['function'])}",
            tuple(
                Argument(function_name(name), argument_text(value)) for name, value in step["args"].items()
            ),
            sets=step["output_var"],
        )
        for step in task["steps"]
    ]
    binding = (task["expected"] or {}).get("result_binding") or {}
    nodes += [Result(f"RESULT__{n}", str(value)) for n, value in enumerate(binding.values())]
    return write_plan(PlanTree(tuple(nodes)))


class Stubs:
    """Typed functions of one task: each notes its arguments and returns its step's value."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.outputs = fields_of(task["steps"], task["expected"])
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.waiting: dict[str, list[str]] = {}
        for step in task["steps"]:
            self.waiting.setdefault(function_name(step["function"]), []).append(step["output_var"])

    def kernel(self) -> Kernel:
        kernel = Kernel()
        names: dict[str, dict[str, str]] = {}
        for published in self.task["functions"]:
            names.setdefault(function_name(published["name"]), {}).update(published["params"])
        for step in self.task["steps"]:
            # some published signatures lack a parameter that the published plan gives
            parameters = names.setdefault(function_name(step["function"]), {})
            parameters |= {name: "str" for name in step["args"] if name not in parameters}
        kernel.add_skill(Skill("T", "", {name: self.function(name, names[name]) for name in names}))
        return kernel

    def function(self, name: str, parameters: Mapping[str, str]) -> KernelFunction:
        async def called(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return self.outputs[self.waiting[name].pop(0)]

        declared = tuple(
            Parameter(function_name(parameter), self.type_of(name, parameter, kind), default=None)
            for parameter, kind in parameters.items()
        )
        return KernelFunction("T", name, called, declared_parameters=declared, declared_returns=Any)

    def type_of(self, function: str, parameter: str, kind: str) -> Any:
        given = [
            step["args"][parameter]
            for step in self.task["steps"]
            if function_name(step["function"]) == function and parameter in step["args"]
        ]
        annotation = TYPES.get(kind.lower(), str)
        return annotation if all(fits(value, annotation) for value in given) else Any


def fits(value: Any, annotation: Any) -> bool:
    if isinstance(value, str) and not isinstance(parse_value(value), Text):
        return annotation is str  # the stub's values are texts
    try:
        Parameter("p", annotation).from_text(argument_text(value))
    except ValueError:
        return False
    return True


def expected_argument(argument: Any, outputs: Mapping[str, Any]) -> Any:
    """What a function must be given, worked out without the plan language."""
    if isinstance(argument, list):
        return [expected_argument(item, outputs) for item in argument]
    if isinstance(argument, dict):
        return {key: expected_argument(item, outputs) for key, item in argument.items()}
    if isinstance(argument, str):
        value = parse_value(argument)
        if isinstance(value, Reference) and value.name in outputs:
            return walk(outputs[value.name], value.path)
    return argument


def same(given: Any, expected: Any) -> bool:
    """Whether a function was given what was published; a literal takes the declared type: 4, "4", 4.0."""
    if isinstance(given, str) and not isinstance(expected, str):
        return given == argument_text(expected)
    if isinstance(expected, str) and isinstance(given, int | float) and not isinstance(given, bool):
        return given == float(expected)
    return bool(given == expected)


@pytest.mark.parametrize(("name", "count"), [("nestful.jsonl", 294), ("nestools.jsonl", 1000)])
def test_every_published_plan_runs_and_every_reference_resolves(name: str, count: int) -> None:
    ran = 0
    for task in tasks(name):
        stubs = Stubs(task)
        kernel = stubs.kernel()
        if task["task_id"] in NAMES_NOTHING:
            with pytest.raises(PlanError, match=f"nothing sets [$]{NAMES_NOTHING[task['task_id']]}"):
                Plan.parse(plan_of(task), kernel, inputs=())
            continue
        plan = Plan.parse(plan_of(task), kernel, inputs=())
        result = asyncio.run(Executor(kernel).run(plan))
        assert [name for name, _ in stubs.calls] == [function_name(s["function"]) for s in task["steps"]]
        for (_, given), step in zip(stubs.calls, task["steps"], strict=True):
            for parameter, argument in step["args"].items():
                if not any(isinstance(part, Template) for part in [parse_value(str(argument))]):
                    expected = expected_argument(argument, stubs.outputs)
                    assert same(given[function_name(parameter)], expected)
        binding = (task["expected"] or {}).get("result_binding") or {}
        assert list(result.results.values()) == [
            expected_argument(v, stubs.outputs) for v in binding.values()
        ]
        ran += 1
    assert ran == count


def schedule_plan(task: dict[str, Any]) -> Plan:
    """An AsyncHow task as a plan: steps of known length, with ``after`` and no values passed."""
    nodes = tuple(
        Call(
            "T.do",
            (Argument("what", "step"), Argument("seconds", str(step["args"]["seconds"]))),
            sets=step["output_var"],
            after=tuple(step["after"]),
        )
        for step in task["steps"]
    )
    return Plan(PlanTree(nodes), timed_kernel().functions)


@cache
def timed_kernel() -> Kernel:
    async def do(what: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return what

    kernel = Kernel()
    parameters = (Parameter("what", str), Parameter("seconds", float))
    do_function = KernelFunction("T", "do", do, effect="none", declared_parameters=parameters)
    kernel.add_skill(Skill("T", "", {"do": do_function}))
    return kernel


def makespan(plan: Plan, workers: int | None = None) -> float:
    return run_virtual(Executor(timed_kernel(), max_concurrency=workers).run(plan))[1]


def test_the_makespan_of_published_schedules_is_the_published_optimum() -> None:
    optimal = [
        makespan(schedule_plan(task)) == pytest.approx(task["expected"]["makespan_s"])
        for task in tasks("asynchow.jsonl")
    ]
    assert sum(optimal) == len(optimal) == 1998


def test_with_k_workers_the_makespan_keeps_the_greedy_bound() -> None:
    """Graham's bound for any schedule that leaves no worker idle: work / k + (1 - 1 / k) x critical path."""
    for task in tasks("asynchow.jsonl")[::7]:
        plan = schedule_plan(task)
        critical, work = task["expected"]["makespan_s"], task["expected"]["sequential_s"]
        for workers in (1, 2, 3):
            bound = work / workers + (1 - 1 / workers) * critical
            assert makespan(plan, workers) <= bound * (1 + 1e-9)
        assert makespan(plan, 1) == pytest.approx(work)
