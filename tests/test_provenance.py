"""Where values come from: examples, and that no value ever has a source that the plan did not tell of."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr

from planloom import Kernel, kernel_function
from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners import Allowed, CallRequest, Executor, Plan, RunError, Source, Sourced
from planloom.planners.compiling.provenance import Mode
from planloom.planners.language.nodes import PlanTree
from planloom.planners.language.references import render_text
from planloom.planners.running.origins import Origins, unwrapped
from planloom.services import ScriptedService
from planloom.skill import Skill
from test_soundness import FUNCTIONS, plans


class Web:
    @kernel_function(effect="read", source="web")
    def get(self, url: str) -> str:
        """Read a page."""
        return url

    @kernel_function(effect="read")
    def links(self, page: str) -> list[str]:
        """List links."""
        return [page]


class Text:
    @kernel_function(effect="none")
    def join(self, one: str, other: str = "") -> str:
        """Join texts."""
        return one + other

    @kernel_function
    def send(self, to: str, body: str) -> str:
        """Send."""
        return to + body


def kernel() -> Kernel:
    made = Kernel(service=ScriptedService(["text"] * 9))
    made.add_skill(Web())
    made.add_skill(Text())
    made.add_prompt("Summarize {{$input}} in {{$language}}", skill="Writer", name="sum")
    return made


def sources(xml: str, step: int, mode: Mode = "data") -> dict[str, set[str]]:
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel())
    found = plan.provenance(mode)
    return {name: set(map(str, found.sources(mask))) for name, mask in found.arguments(step).items()}


PAGE = '<function.Web.get url="$URL" setContextVariable="PAGE"/>'


@pytest.mark.parametrize(
    ("xml", "step", "argument", "expected"),
    [
        ('<function.Text.join one="a"/>', 1, "one", {"literal"}),
        ("<function.Text.join/>", 1, "one", {"user:INPUT", "user:one"}),
        ('<function.Text.join one="a"/>', 1, "other", {"literal", "user:other"}),
        ('<function.Text.join one="$INPUT"/>', 1, "one", {"user:INPUT"}),
        ('<function.Text.join one="Dear $who"/>', 1, "one", {"user:who", "literal"}),
        ('<function.Text.join one="$A$B"/>', 1, "one", {"user:A", "user:B"}),
        (PAGE + '<function.Text.join one="$PAGE"/>', 2, "one", {"Web.get (web)", "user:URL"}),
        (PAGE + "<function.Text.join/>", 2, "one", {"Web.get (web)", "user:URL"}),
        ('<ask setContextVariable="Q" question="q"/><function.Text.join one="$Q"/>', 2, "one",
         {"user:Q", "literal"}),
        (PAGE + '<function.Writer.sum input="$PAGE" language="fr" setContextVariable="S"/>'
         '<function.Text.join one="$S"/>', 3, "one",
         {"Writer.sum", "model", "Web.get (web)", "user:URL", "literal"}),
        (PAGE + '<foreach item="X" in="$PAGE"><function.Text.join one="$X"/></foreach>', 2, "one",
         {"Web.get (web)", "user:URL"}),
        (PAGE + '<foreach item="X" in="$L"><function.Text.join one="$X$PAGE" setContextVariable="M"/>'
         '</foreach><function.Text.join one="all: $M"/>', 3, "one",
         {"Web.get (web)", "user:URL", "user:L", "Text.join", "literal", "user:other"}),
        ('<function.Text.join one="$LATER"/><function.Web.get url="u" setContextVariable="LATER"/>', 1, "one",
         {"Web.get (web)", "literal"}),
        (PAGE + '<if condition="$INPUT == 1"><function.Text.join one="a" other="b" setContextVariable="V"/>'
         '</if><else><function.Web.links page="$PAGE" setContextVariable="V"/></else>'
         '<function.Text.join one="$V"/>', 4, "one",
         {"Text.join", "literal", "Web.links", "Web.get (web)", "user:URL"}),
    ],
)  # fmt: skip
def test_an_argument_has_the_sources_of_all_that_goes_into_it(
    xml: str, step: int, argument: str, expected: set[str]
) -> None:
    assert sources(xml, step)[argument] == expected


CHOSEN = PAGE + (
    '<if condition="$PAGE == 1"><function.Text.join one="a" other="b" setContextVariable="V"/></if>'
    '<function.Text.send to="$V" body="c"/>'
)


def test_what_is_set_under_a_condition_carries_its_sources_in_strict_mode() -> None:
    assert sources(CHOSEN, 3)["to"] == {"Text.join", "literal"}
    assert sources(CHOSEN, 3, "strict")["to"] == {"Text.join", "literal", "Web.get (web)", "user:URL"}
    assert sources(CHOSEN, 3, "strict")["body"] == {"literal"}


def test_a_literal_in_a_call_that_a_page_decides_on_carries_the_page_in_strict_mode() -> None:
    xml = PAGE + '<foreach item="X" in="$PAGE"><function.Text.send to="me" body="$X"/></foreach>'
    assert sources(xml, 2)["to"] == {"literal"}
    assert sources(xml, 2, "strict")["to"] == {"literal", "Web.get (web)", "user:URL"}


def test_an_input_is_from_where_its_caller_says() -> None:
    plan = Plan.parse('<plan><function.Text.send to="$TO" body="$INPUT"/></plan>', kernel())
    given, said = unwrapped({"input": Sourced("text", "email"), "TO": "me"})
    planned = Origins(plan, said).planned(plan.steps[0])
    assert given == {"input": "text", "TO": "me"}
    assert {name: set(map(str, found)) for name, found in planned.sources.items()} == {
        "to": {"user:TO"},
        "body": {"email"},
    }


@pytest.mark.parametrize(
    ("source", "pattern", "fits"),
    [
        (Source("user", "To"), "user", True),
        (Source("user", "To"), "user:to", True),
        (Source("user", "To"), "user:from", False),
        (Source("literal"), "literal", True),
        (Source("function", "Contacts.find"), "contacts.*", True),
        (Source("function", "Contacts.find"), "Contacts", False),
        (Source("function", "Mail.read", "email"), "email", True),
        (Source("function", "Mail.read", "email"), "Mail.*", True),
        (Source("function", "users.find"), "user", False),
        (Source("named", "email"), "e*", True),
        (Source("model"), "*", True),
        (Source("model"), "literal", False),
    ],
)
def test_patterns_mean_sources(source: Source, pattern: str, fits: bool) -> None:
    assert source.matches(pattern) is fits


@pytest.mark.parametrize("forward", [False, True])
def test_a_chain_of_ten_thousand_steps_is_traced(forward: bool) -> None:
    steps = [f'<function.Text.join one="$V{n - 1}" setContextVariable="V{n}"/>' for n in range(1, 10_001)]
    if forward:  # every step refers to one below it
        steps.reverse()
    plan = Plan.parse(f"<plan>{''.join(steps)}</plan>", kernel())
    found = plan.provenance("strict")
    last = 1 if forward else 10_000
    assert Source("user", "V0") in found.sources(found.output(last))


# -- properties ------------------------------------------------------------------------------------

MARK = re.compile(r"\[([\w.:]+)\]")


def marking_kernel() -> Kernel:
    """Functions whose output names them and holds their input whole."""

    def function(name: str, effect: Any, touches: tuple[str, ...]) -> KernelFunction:
        async def target(value: Any, tag: str) -> str:
            return f"[T.{name}]({render_text(value)})"

        parameters = (Parameter("value", Any), Parameter("tag", str))
        return KernelFunction(
            "T", name, target, effect=effect, touches=touches, declared_parameters=parameters
        )

    async def listing(value: Any, size: int) -> list[str]:
        return [f"[T.list]({render_text(value)})"] * size

    skill = {name: function(name, effect, touches) for name, (effect, touches) in FUNCTIONS.items()}
    skill["list"] = KernelFunction(
        "T", "list", listing, effect="none",
        declared_parameters=(Parameter("value", Any), Parameter("size", int)),
    )  # fmt: skip
    made = Kernel()
    made.add_skill(Skill("T", "", skill))
    return made


class Watching:
    """Allows all, and checks that whatever is in an argument was foretold."""

    def __init__(self) -> None:
        self.seen = 0

    def decide(self, request: CallRequest) -> Allowed:
        assert request.planned is not None
        for name, value in request.arguments.items():
            told = set(map(str, request.planned.sources[name]))
            found = set(MARK.findall(render_text(value)))
            assert found <= told
            self.seen += len(found)
        return Allowed()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=plans())
def test_no_value_holds_what_its_sources_do_not_tell(tree: PlanTree) -> None:
    made = marking_kernel()
    plan = Plan(tree, made.functions)
    watching = Watching()
    inputs = {"INPUT": "[user:INPUT]", "GIVEN": ["[user:GIVEN]1", "[user:GIVEN]2"]}
    try:
        asyncio.run(Executor(made, policy=watching).run(plan, inputs))
    except RunError as error:
        # a condition on a list, or a variable whose branch was not taken
        assert not isinstance(error.__cause__, AssertionError)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=plans())
def test_an_output_has_every_source_of_its_inputs_and_strict_ones_are_more(tree: PlanTree) -> None:
    plan = Plan(tree, marking_kernel().functions)
    data, strict = plan.provenance("data"), plan.provenance("strict")
    for step in plan.steps:
        for found in (data, strict):
            inputs = frozenset().union(*(found.sources(m) for m in found.arguments(step.number).values()))
            assert inputs <= found.sources(found.output(step.number))
        assert data.sources(data.output(step.number)) <= strict.sources(strict.output(step.number))
        for name, mask in data.arguments(step.number).items():
            assert data.sources(mask) <= strict.sources(strict.arguments(step.number)[name])


# -- secrets ---------------------------------------------------------------------------------------


class Vault:
    @kernel_function(effect="read", secret=True)
    def key(self, name: str) -> str:
        """Get a key."""
        return "hunter2"

    @kernel_function(effect="read")
    def token(self) -> SecretStr:
        """Get a token."""
        return SecretStr("hunter2")

    @kernel_function(effect="none")
    def use(self, key: SecretStr) -> str:
        """Use a key."""
        return key.get_secret_value()

    @kernel_function(effect="none", secret=False)
    def length(self, of: str) -> int:
        """Tell a length."""
        return len(of)


@pytest.mark.parametrize(
    ("xml", "secret_outputs"),
    [
        ('<function.Text.join one="a"/>', []),
        ('<function.Vault.key name="a"/><function.Text.join one="b"/>', [1]),
        ('<function.Vault.key name="a"/><function.Text.join/>', [1, 2]),
        ("<function.Vault.token/>", [1]),
        ('<function.Vault.key name="a"/><function.Vault.length/><function.Text.join/>', [1]),
        ('<function.Vault.use key="$INPUT"/>', [1]),
        ('<function.Text.join one="$K"/><function.Vault.use key="$K"/>', [1, 2]),
        ('<function.Text.join one="$X" setContextVariable="K"/><function.Vault.use key="$K"/>', [1, 2]),
        ('<foreach item="X" in="$KEYS"><function.Vault.use key="$X"/></foreach>'
         '<function.Text.join one="$KEYS"/>', [1, 2]),
    ],
)  # fmt: skip
def test_what_a_secret_goes_into_is_secret(xml: str, secret_outputs: list[int]) -> None:
    made = kernel()
    made.add_skill(Vault())
    plan = Plan.parse(f"<plan>{xml}</plan>", made)
    origins = Origins(plan)
    assert [step.number for step in plan.steps if origins.secret_output(step)] == secret_outputs
