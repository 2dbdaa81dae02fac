"""The kernel: registering skills, seeing functions, invoking them by name."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from planloom import Kernel, kernel_function
from planloom.errors import (
    ArgumentError,
    FunctionError,
    FunctionNotFoundError,
    InvalidNameError,
    NameClashError,
    RegistrationError,
    ServiceNotFoundError,
)
from planloom.filters import FunctionContext


class Colour(Enum):
    RED = "red"


class Order(BaseModel):
    number: int
    tags: list[str] = []


@dataclass
class Point:
    x: int
    y: int


class Emailer:
    """Sends mail."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    @kernel_function(effect="none")
    def getEmailAddress(self, recipient: Annotated[str, "Whose address"]) -> str:
        """Look up a person's e-mail address.

        More about it.
        """
        return f"{recipient.lower()}@example.com"

    @kernel_function
    async def send(self, to: str, from_: str = "me") -> str:
        self.sent.append(to)
        return f"{from_}->{to}"

    def secret(self) -> str:
        return "never registered"

    @property
    def trap(self) -> str:
        raise AssertionError("properties must not be run by registration")


class Types:
    @kernel_function(effect="none")
    def all(
        self,
        n: int,
        ratio: float = 0.5,
        flag: bool = False,
        colour: Colour = Colour.RED,
        size: Literal["s", "m"] = "s",
        order: Order | None = None,
        point: Point | None = None,
        limit: Annotated[int, Field(ge=1, le=9, description="How many")] = 3,
    ) -> str:
        """Take every type.

        Args:
            n: a count
                of things
            ratio: a share
        """
        return repr((n, ratio, flag, colour, size, order, point, limit))


def test_invoke_by_name_ignores_case_and_takes_plan_names() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    assert kernel.invoke_sync("emailer.GETEMAILADDRESS", recipient="Steven") == "steven@example.com"
    assert kernel.invoke_sync("Emailer-getEmailAddress", input="A") == "a@example.com"
    assert asyncio.run(kernel.invoke_with("Emailer.send", {"to": "x", "from": "y"})) == "y->x"


def test_only_declared_functions_are_registered() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    assert list(kernel.functions) == ["Emailer.getEmailAddress", "Emailer.send"]
    assert kernel.skills["Emailer"].description == "Sends mail."


def test_a_function_tells_its_contract() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    function = kernel.functions["Emailer.getEmailAddress"]
    assert function.description == "Look up a person's e-mail address."
    assert (function.effect, function.resources) == ("none", ("Emailer",))
    assert function.parameters[0].description == "Whose address"
    assert function.schema["properties"]["recipient"] == {"type": "string", "description": "Whose address"}
    assert kernel.functions["Emailer.send"].effect == "write"
    assert kernel.functions["Emailer.send"].parameters[1].name == "from"


def test_types_are_validated_and_described() -> None:
    kernel = Kernel()
    kernel.add_skill(Types())
    shown = kernel.invoke_sync(
        "Types.all", n="7", ratio="0.25", flag="true", colour="red", size="m",
        order='{"number": 1}', point={"x": 1, "y": 2}, limit="9",
    )  # fmt: skip
    assert shown == repr((7, 0.25, True, Colour.RED, "m", Order(number=1), Point(1, 2), 9))
    schema = kernel.functions["Types.all"].schema["properties"]
    assert schema["n"]["description"] == "a count of things"
    assert schema["limit"]["maximum"] == 9
    assert schema["limit"]["description"] == "How many"
    assert schema["size"]["enum"] == ["s", "m"]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [({"n": "seven"}, "n"), ({"n": 1, "size": "xl"}, "size"), ({"n": 1, "limit": 10}, "limit"), ({}, "n"),
     ({"n": 1, "bogus": 1}, "bogus"), ({"n": 1, "N": 2}, "N")],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments: dict[str, Any], parameter: str) -> None:
    kernel = Kernel()
    kernel.add_skill(Types)
    with pytest.raises(ArgumentError) as caught:
        kernel.invoke_sync("Types.all", **arguments)
    assert caught.value.parameter == parameter


def test_an_argument_error_does_not_repeat_the_value() -> None:
    kernel = Kernel()
    kernel.add_skill(Types)
    with pytest.raises(ArgumentError) as caught:
        kernel.invoke_sync("Types.all", n="hunter2")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_function_names_the_nearest() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    with pytest.raises(FunctionNotFoundError, match=r"Did you mean Emailer\.getEmailAddress") as caught:
        kernel.invoke_sync("Emailer.getEmailAdress", recipient="x")
    assert caught.value.nearest == ("Emailer.getEmailAddress",)
    assert kernel.functions.get("No.such") is None


def test_names_clash_and_are_checked() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    with pytest.raises(NameClashError):
        kernel.add_skill(Emailer(), name="EMAILER")
    with pytest.raises(InvalidNameError):
        kernel.add_skill(Emailer(), name="not a name")
    with pytest.raises(RegistrationError, match="has no functions"):
        kernel.add_skill(object(), name="Empty")


def test_skills_from_mappings_modules_and_functions() -> None:
    def double(n: int) -> int:
        return 2 * n

    kernel = Kernel()
    kernel.add_skill({"double": double}, name="Maths")
    kernel.add_function(double, skill="Maths", name="twice")
    assert kernel.invoke_sync("Maths.double", n=2) == kernel.invoke_sync("Maths.twice", n="2") == 4
    with pytest.raises(RegistrationError, match="needs a name"):
        kernel.add_skill({"double": double})
    with pytest.raises(NameClashError):
        kernel.add_function(double, skill="Maths", name="twice")


def test_semantic_kernels_decorator_is_understood_without_importing_it() -> None:
    def shout(text: str) -> str:
        return text.upper()

    vars(shout).update(
        __kernel_function__=True, __kernel_function_name__="loud", __kernel_function_description__="Shout."
    )

    class Old:
        loud = staticmethod(shout)

    kernel = Kernel()
    kernel.add_skill(Old())
    assert kernel.invoke_sync("Old.loud", text="a") == "A"
    assert kernel.functions["Old.loud"].description == "Shout."
    assert kernel.functions["Old.loud"].effect == "write"


def test_signatures_that_plans_cannot_use_are_refused_at_registration() -> None:
    def many(*values: int) -> int:
        return sum(values)

    with pytest.raises(RegistrationError, match="cannot be given by name"):
        Kernel().add_function(many, skill="Maths")


def test_sync_functions_run_off_the_event_loop() -> None:
    def where() -> str:
        return threading.current_thread().name

    kernel = Kernel()
    kernel.add_function(where, skill="T")
    assert kernel.invoke_sync("T.where") != threading.main_thread().name


def test_invoke_sync_works_where_a_loop_runs() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())

    async def notebook() -> Any:
        return kernel.invoke_sync("Emailer.getEmailAddress", recipient="A")

    assert asyncio.run(notebook()) == "a@example.com"


def test_filters_form_an_onion_and_may_block_or_replace() -> None:
    kernel = Kernel()
    kernel.add_skill(Emailer())
    seen: list[str] = []

    async def outer(context: FunctionContext, following: Any) -> None:
        seen.append("outer in")
        await following(context)
        context.result = f"[{context.result}]"
        seen.append("outer out")

    async def inner(context: FunctionContext, following: Any) -> None:
        seen.append("inner")
        if context.arguments["to"] == "blocked":
            context.result = "no"
        else:
            await following(context)

    kernel.add_filter("function", outer)
    kernel.add_filter("function", inner)
    assert kernel.invoke_sync("Emailer.send", to="x") == "[me->x]"
    assert seen == ["outer in", "inner", "outer out"]
    assert kernel.invoke_sync("Emailer.send", to="blocked") == "[no]"


def test_a_function_that_calls_itself_without_end_is_stopped() -> None:
    kernel = Kernel()

    async def again() -> Any:
        return await kernel.invoke("Loop.again")

    kernel.add_function(again, skill="Loop")
    with pytest.raises(FunctionError, match="does it call itself"):
        kernel.invoke_sync("Loop.again")


def test_a_kernel_without_a_service_says_so() -> None:
    with pytest.raises(ServiceNotFoundError, match="no model service"):
        Kernel().service()
