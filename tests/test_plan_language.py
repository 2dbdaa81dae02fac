"""The worked cases of the plan language, through the public API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from planloom import Kernel, kernel_function
from planloom.planners import Executor, Plan, PlanError, StepError

CASES_FILE = Path(__file__).parents[2] / "shared" / "plan_language" / "cases.json"
CASES = json.loads(CASES_FILE.read_text())["cases"] if CASES_FILE.exists() else []


@dataclass
class Address:
    city: str


@dataclass
class Record:
    name: str
    tags: list[str]
    address: Address


class S:
    @kernel_function
    def Skill1(self, input: str) -> str:
        return f"{input}::Skill1"

    @kernel_function
    def Skill2(self, input: str) -> str:
        return f"{input}::Skill2"

    @kernel_function
    def Skill3(self, input: str, secondInput: str) -> str:
        return f"{input}::{secondInput}::Skill3"

    @kernel_function
    def Skill4(self, anarg: str) -> str:
        return f"{anarg}::Skill4"

    @kernel_function
    def WithDefault(self, input: str, n: int = 5) -> str:
        return f"{input}:{n}"

    @kernel_function
    def Double(self, n: int) -> int:
        return n * 2

    @kernel_function
    def Empty(self) -> str:
        return ""

    @kernel_function
    def Fail(self) -> str:
        raise ValueError("boom")

    @kernel_function
    def Record(self) -> Record:
        return Record("Ada", ["x", "y"], Address("Paris"))

    @kernel_function
    def List(self) -> list[str]:
        return ["a", "b", "c"]

    @kernel_function
    def Join(self, items: list[str], sep: str) -> str:
        return sep.join(items)

    @kernel_function
    def TypeName(self, input: str) -> str:
        return f"{type(input).__name__}:{input}"

    @kernel_function
    def Send(self, to: str, message: str) -> str:
        return f"to {to}: {message}"


class Names:
    @kernel_function
    def getNickName(self, name: str) -> str:
        return {"Steven": "Code King"}[name]


class StringFunctions:
    @kernel_function
    def stringReplace(self, input: str, from_: str, to: str) -> str:
        return input.replace(from_, to)


class Emailer:
    @kernel_function
    def getEmailAddress(self, recipient: Annotated[str, "Whose address"]) -> str:
        return {"Steven": "codeking@example.com"}[recipient]

    @kernel_function
    def sendEmail(self, subject: str, message: str, emailAddress: str) -> str:
        return f"to {emailAddress}: {subject}: {message}"


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    kernel = Kernel()
    for skill in (S(), Names(), StringFunctions(), Emailer()):
        kernel.add_skill(skill)
    return kernel


def test_the_cases_are_there() -> None:
    if not CASES:
        pytest.skip(f"{CASES_FILE.name} is not beside the checkout")
    assert len(CASES) >= 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case: dict[str, Any], kernel: Kernel) -> None:
    expect = case["expect"]
    if "errors" in expect:
        with pytest.raises((PlanError, StepError)) as caught:
            Executor(kernel).run_sync(Plan.parse(case["plan"], kernel), case["inputs"])
        assert isinstance(caught.value, PlanError)
        assert set(expect["errors"]) <= {item.code for item in caught.value.errors}
        return
    plan = Plan.parse(case["plan"], kernel)
    assert len(plan.warnings) >= expect.get("warnings", 0)
    for again in (plan, Plan.parse(str(plan), kernel), Plan.from_json(plan.to_json(), kernel)):
        result = Executor(kernel).run_sync(again, case["inputs"])
        assert result.text == expect["text"]
        assert expect.get("results", {}).items() <= result.results.items()
