"""What every skill that ships promises: names, descriptions, effects, types."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import planloom.skills
from planloom import Kernel
from planloom.skill import Skill, skill_from
from planloom.skills import (
    ConversationSummarySkill,
    DataSkill,
    FileSkill,
    HttpSkill,
    MathSkill,
    TextSkill,
    TimeSkill,
    WaitSkill,
)

EFFECTS = {
    "ConversationSummary": {
        "none": {"SummarizeConversation", "GetConversationActionItems", "GetConversationTopics"}
    },
    "Data": {
        "none": {
            *("select", "where", "sort", "max_by", "min_by", "first", "last", "item", "group", "map"),
            *("count", "sum", "average", "distinct", "join_text", "parse_json"),
        }
    },
    "File": {"read": {"read", "list", "exists"}, "write": {"write", "append"}},
    "Http": {"read": {"get"}, "write": {"post", "put", "delete"}},
    "Math": {
        "none": {"add", "subtract", "multiply", "divide", "sum", "average", "min", "max", "round"},
    },
    "Text": {
        "none": {
            *("trim", "trim_start", "trim_end", "uppercase", "lowercase", "length", "echo", "concat"),
            *("replace", "split", "join", "contains", "starts_with", "ends_with"),
        }
    },
    "Time": {
        "read": {
            *("now", "utcNow", "date", "today", "iso_date", "time", "year", "month", "month_number", "day"),
            *("dayOfWeek", "hour", "hourNumber", "minute", "second", "days_ago"),
            *("date_matching_last_day_name", "timeZoneOffset", "timeZoneName"),
        }
    },
    "Wait": {"read": {"wait"}},
}


async def answer(prompt: str) -> str:
    return prompt


@pytest.fixture
def skills(tmp_path: Path) -> list[Skill]:
    instances: list[Any] = [
        ConversationSummarySkill(answer),
        DataSkill(),
        FileSkill(tmp_path),
        HttpSkill(["example.com"]),
        MathSkill(),
        TextSkill(),
        TimeSkill(),
        WaitSkill(),
    ]
    assert sorted(type(each).__name__ for each in instances) == planloom.skills.__all__
    return [skill_from(instance) for instance in instances]


def test_names_and_effects_are_exactly_these(skills: list[Skill]) -> None:
    found: dict[str, dict[str, set[str]]] = {}
    for skill in skills:
        for function in skill:
            found.setdefault(skill.name, {}).setdefault(function.effect, set()).add(function.name)
    assert found == EFFECTS


def test_only_writes_that_can_be_repeated_are_idempotent(skills: list[Skill]) -> None:
    repeatable = {each.full_name for skill in skills for each in skill if each.idempotent}
    assert repeatable == {"File.write", "Http.put", "Http.delete", "Wait.wait"}


def test_files_and_the_clock_are_resources(skills: list[Skill]) -> None:
    touched = {skill.name: {each.resources for each in skill} for skill in skills}
    assert touched["File"] == {("files",)}
    assert touched["Time"] == touched["Wait"] == {("clock",)}
    assert touched["Http"] == {("Http",)}


def test_everything_is_described_and_typed(skills: list[Skill]) -> None:
    for skill in skills:
        assert skill.description, skill.name
        for function in skill:
            assert function.description, function.full_name
            assert function.declared_returns is None
            assert function.schema["additionalProperties"] is False
            for parameter in function.parameters:
                assert parameter.description, (function.full_name, parameter.name)


def test_keyword_parameters_lose_their_underscore(skills: list[Skill]) -> None:
    text = next(skill for skill in skills if skill.name == "Text")
    assert [each.name for each in text.functions["replace"].parameters] == ["input", "from", "to"]


@pytest.mark.parametrize(("literal", "number"), [("30", 30), ("-2", -2), ("0.5", 0.5)])
def test_a_literal_becomes_the_number_that_it_writes(
    skills: list[Skill], literal: str, number: float
) -> None:
    add = next(skill for skill in skills if skill.name == "Math").functions["add"]
    read = add.parameters[0].from_text(literal)
    assert (read, type(read)) == (number, type(number))


def test_a_condition_keeps_a_text_value_as_text(skills: list[Skill]) -> None:
    where = next(skill for skill in skills if skill.name == "Data").functions["where"]
    value = where.parameter("value")
    operator = where.parameter("op")
    assert value is not None
    assert operator is not None
    assert value.from_text("30") == "30"
    assert "contains" in operator.schema["enum"]


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("Text.replace", {"input": "Hello, X", "from": "X", "to": "Steve"}, "Hello, Steve"),
        ("Math.add", {"input": "0.5", "amount": "1"}, 1.5),
        ("Math.sum", {"items": "[1, 2.5]"}, 3.5),
        ("Data.where", {"items": '[{"n": 1}, {"n": 2}]', "field": "n", "op": ">", "value": "1"}, [{"n": 2}]),
        ("Data.sort", {"items": [3, 1], "descending": "true"}, [3, 1]),
        ("Data.map", {"input": [{"n": 1}], "field": "n"}, [1]),
        ("File.write", {"path": "a.txt", "content": 7}, "a.txt"),
        ("File.list", {}, []),
        ("Wait.wait", {"seconds": "0"}, 0.0),
        ("ConversationSummary.GetConversationTopics", {"input": "weather"}, ["weather"]),
    ],
)
def test_a_kernel_calls_them_with_what_a_plan_writes(
    tmp_path: Path, name: str, arguments: dict[str, Any], value: object
) -> None:
    async def topic(prompt: str) -> str:
        return prompt.rpartition("\n")[2]

    kernel = Kernel()
    for skill in (TextSkill, MathSkill, DataSkill, WaitSkill):
        kernel.add_skill(skill)
    kernel.add_skill(FileSkill(tmp_path))
    kernel.add_skill(ConversationSummarySkill(topic))
    assert asyncio.run(kernel.invoke(name, **arguments)) == value


def test_importing_the_skills_imports_no_optional_package() -> None:
    code = (
        "import sys, planloom.skills;"
        "sys.exit(','.join(m for m in ('httpx', 'pydantic', 'jinja2', 'numpy') if m in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_are_sorted() -> None:
    assert planloom.skills.__all__ == sorted(planloom.skills.__all__)
