"""The plan as JSON: the schema, what follows it, and a planner behind a server that takes no grammar."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import httpx
import jsonschema
import pytest
from pydantic import Field

from planloom import Kernel, kernel_function
from planloom.planners import AnswerCutError, NoPlanInAnswerError, Plan, PlanNotPossible, SequentialPlanner
from planloom.planners.errors import PlanError
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.plan_schema import plan_schema, tree_from_answer
from planloom.services import OpenAIService, allow_model_requests

MAIL = """<plan>
  <function.Post.find word="bills" count="2" setContextVariable="R1"/>
  <foreach item="ITEM" in="$R1">
    <function.Post.send to="Ann" text="$ITEM" kind="fast"/>
  </foreach>
  <ask setContextVariable="R2" question="To whom?"/>
  <if condition="$R2 != 'Bob'">
    <function.Post.find word="Bob"/>
  </if>
  <function.Post.send to="$R2" text="Costs $$5 &lt; $$6" tags='["a", "b"]'/>
</plan>
<!-- END -->"""


class Post:
    """Letters."""

    @kernel_function(effect="read")
    def find(self, word: str, count: Annotated[int, Field(ge=0)] = 3) -> list[str]:
        """Find letters."""
        return [word] * count

    @kernel_function
    def send(
        self, to: str, text: str, kind: Literal["fast", "$ave"] = "fast", tags: list[str] | None = None
    ) -> str:
        """Send a letter."""
        return f"{kind} to {to}: {text}"

    @kernel_function(effect="none")
    def stamp(self, weight: float, sizes: dict[str, int], registered: bool = False) -> float:
        """Tell what a stamp costs."""
        return weight


def kernel(service: Any = None) -> Kernel:
    made = Kernel(service=service) if service else Kernel()
    made.add_skill(Post())
    return made


FUNCTIONS = kernel().functions
SCHEMA = plan_schema(FUNCTIONS.values(), ["INPUT", "subject"])


def call(function: str, arguments: Mapping[str, Any], sets: str | None = None) -> dict[str, Any]:
    named = {"function": function, "arguments": dict(arguments)}
    return {**named, "setContextVariable": sets, "appendToResult": None}


ANSWER = {
    "steps": [
        call("Post.find", {"word": "bills", "count": 2}, "R1"),
        {
            "foreach": "ITEM",
            "in": "$R1",
            "do": [call("Post.send", {"to": "Ann", "text": "$ITEM", "kind": "fast", "tags": None})],
        },
        {"ask": "To whom?", "setContextVariable": "R2"},
        {
            "if": "$R2 != 'Bob'",
            "then": [call("Post.find", {"word": "Bob", "count": None})],
            "else": None,
        },
        call("Post.send", {"to": "$R2", "text": "Costs $$5 < $$6", "kind": None, "tags": ["a", "b"]}),
    ]
}


def objects(schema: Any) -> list[dict[str, Any]]:
    """All schemas of objects inside a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects(part)]
    if not isinstance(schema, dict):
        return []
    inner = [found for part in schema.values() for found in objects(part)]
    return [schema, *inner] if schema.get("type") == "object" else inner


def test_it_is_a_schema_of_the_strict_kind() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for found in objects(SCHEMA):
        assert found["additionalProperties"] is False
        assert found["required"] == list(found["properties"])
    assert "oneOf" not in json.dumps(SCHEMA)


def test_an_answer_that_follows_it_is_the_plan() -> None:
    jsonschema.validate(ANSWER, SCHEMA)
    assert str(Plan(tree_from_answer(json.dumps(ANSWER)), FUNCTIONS)) == MAIL


@pytest.mark.parametrize(
    "step",
    [
        call("Post.burn", {}),
        call("Post.find", {"word": "x"}),
        call("Post.find", {"word": "x", "count": "many"}),
        call("Post.find", {"word": "x", "count": 1, "size": 2}),
        call("Post.find", {"word": "x", "count": "$nothing"}),
        call("Post.send", {"to": "A", "text": "", "kind": "slow", "tags": None}),
        call("Post.stamp", {"weight": 1.5, "sizes": "{}", "registered": None}),
        call("Post.find", {"word": "x", "count": 1}, "INPUT"),
        {"run": "rm"},
    ],
)
def test_what_no_plan_may_hold_does_not_follow_it(step: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"steps": [step]}, SCHEMA)


def test_closed_values_and_references_are_written_as_plans_write_them() -> None:
    values = {"to": "$subject", "text": "${INPUT}!", "kind": "$$ave", "tags": "$R1"}
    answer = {"steps": [call("Post.find", {"word": "x", "count": None}, "R1"), call("Post.send", values)]}
    jsonschema.validate(answer, SCHEMA)
    plan = Plan(tree_from_answer(json.dumps(answer)), FUNCTIONS, inputs=["INPUT", "subject"])
    assert 'kind="$$ave" tags="$R1"' in str(plan)


@pytest.mark.parametrize(
    "text",
    ["", "no", "[]", "{}", '{"steps": 3}', '{"steps": [3]}', '{"steps": [{"function": 3}]}', "[" * 9999],
)
def test_what_is_no_such_answer_is_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError):
        tree_from_answer(text)


def instance(schema: Mapping[str, Any], chance: random.Random) -> Any:
    """Something that follows a part of SCHEMA, by chance."""
    if "$ref" in schema:
        return instance(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], chance)
    if "anyOf" in schema:
        return instance(chance.choice(schema["anyOf"]), chance)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    match schema["type"]:
        case "object":
            return {name: instance(part, chance) for name, part in schema["properties"].items()}
        case "array":
            return [instance(schema["items"], chance) for _ in range(chance.randint(1, 3))]
        case "string":
            return chance.choice(["text", "a < b & c", "5 $", "línea\n2", "赵"])
        case kind:
            return {"integer": 3, "number": 0.5, "null": None}[kind]


LEFT_TO_THE_CHECKER = {
    "undefined-variable",
    "unset-input",
    "cycle",
    "bad-reference",
    "unknown-argument",
    "bad-condition",
}


def may_be_left(found: Diagnostic) -> bool:
    return found.code in LEFT_TO_THE_CHECKER or found.message.startswith("$")


@pytest.mark.parametrize("seed", range(200))
def test_all_that_follows_it_is_right_but_for_what_a_schema_cannot_say(seed: int) -> None:
    answer = instance(SCHEMA, random.Random(seed))
    jsonschema.validate(answer, SCHEMA)
    try:
        Plan(tree_from_answer(json.dumps(answer)), FUNCTIONS, inputs=["INPUT", "subject"])
    except PlanError as error:
        assert all(may_be_left(found) for found in error.errors), error


# -- a planner behind a server -------------------------------------------------------------------------


class Server:
    """Gives the answers in turn and remembers what it was sent."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.bodies = list(answers), list[dict[str, Any]]()
        self.finish_reason = "stop"

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        message = {"role": "assistant", "content": self.answers.pop(0)}
        return httpx.Response(
            200, json={"choices": [{"message": message, "finish_reason": self.finish_reason}]}
        )

    def planner(self, style: Any, **options: Any) -> SequentialPlanner:
        transport = httpx.MockTransport(self.handle)
        service = OpenAIService("m", base_url="http://llm.test/v1", schema=style, transport=transport)
        return SequentialPlanner(kernel(service), **options)


def planned(planner: SequentialPlanner) -> Plan:
    with allow_model_requests(True):
        return planner.create_plan_sync("Send the bills")


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("json_schema", {"type": "json_schema", "json_schema": {"name": "answer", "strict": True}}),
        ("json_object", {"type": "json_object"}),
    ],
)
def test_a_server_is_asked_for_json_and_its_answer_read(style: str, expected: dict[str, Any]) -> None:
    server = Server(json.dumps(ANSWER))
    assert str(planned(server.planner(style))) == MAIL
    [body] = server.bodies
    sent = body["response_format"]
    schema = sent["json_schema"].pop("schema") if style == "json_schema" else sent.pop("schema")
    assert sent == expected
    assert schema == plan_schema(FUNCTIONS.values(), ["INPUT"])
    assert "as JSON" in body["messages"][0]["content"]
    assert "grammar" not in body


def test_what_the_schema_could_not_say_is_repaired() -> None:
    wrong = {"steps": [call("Post.send", {"to": "$R1", "text": "x", "kind": None, "tags": None})]}
    server = Server(json.dumps(wrong), json.dumps(ANSWER))
    assert str(planned(server.planner("json_schema"))) == MAIL
    assert "R1" in server.bodies[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "nothing"),
        ("[]", "no object with a list"),
        ('{"plan": []}', "no object with a list"),
        ('{"steps": 3}', "no object with a list"),
        ("Sure, I will send them.", "as JSON"),
        (MAIL, "as JSON"),
        ("R1 R2 R3 " * 40, "repeats itself"),
        ('{"steps": [' + '{"ask": "R1"}, ' * 40, "repeats itself"),
        ("I'm sorry, but I can't help with that.", "refused"),
        ("对不起，我不能帮你。", "refused"),
    ],
)
def test_an_answer_without_steps_is_no_plan(answer: str, said: str) -> None:
    server = Server(answer, answer)
    with pytest.raises(NoPlanInAnswerError, match=said):
        planned(server.planner("json_schema", repairs=1))
    assert '{"steps": [...]}' in server.bodies[1]["messages"][-1]["content"]


def test_broken_json_of_a_plan_goes_back_with_its_place() -> None:
    server = Server(json.dumps(ANSWER)[:-1], json.dumps(ANSWER))
    assert str(planned(server.planner("json_schema"))) == MAIL
    assert "not JSON" in server.bodies[1]["messages"][-1]["content"]


def test_an_answer_is_cut_if_its_json_has_no_end() -> None:
    server = Server(json.dumps(ANSWER), json.dumps(ANSWER)[:-1])
    server.finish_reason = "length"
    assert str(planned(server.planner("json_schema"))) == MAIL
    with pytest.raises(AnswerCutError):
        planned(server.planner("json_schema"))


def test_no_steps_mean_that_it_cannot_be_done() -> None:
    with pytest.raises(PlanNotPossible):
        planned(Server('{"steps": []}').planner("json_schema"))


def test_with_constrain_false_the_plan_is_asked_for_as_xml() -> None:
    server = Server(MAIL)
    assert str(planned(server.planner("json_schema", constrain=False))) == MAIL
    assert "response_format" not in server.bodies[0]
