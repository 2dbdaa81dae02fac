"""The OpenAPI door, against a real FastAPI server on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from door_servers import serving
from planloom import Kernel
from planloom.errors import ArgumentError, TooLargeError
from planloom.planners import Executor, Plan
from planloom.plugins import api_key, basic, bearer, openapi_skill
from planloom.plugins.errors import (
    ApiStatusError,
    ApiUnreachableError,
    DoorResultError,
    RedirectRefusedError,
    SpecificationError,
)
from shop_api import shop


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(shop()) as found:
        yield found


def kernel_at(address: str, **options: Any) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(openapi_skill(f"{address}/openapi.json", name="Shop", **options))
    return kernel


def test_each_operation_is_a_function_with_types_and_effects(address: str) -> None:
    functions = kernel_at(address).functions
    found = functions["Shop.listItems"]
    assert (found.effect, found.idempotent, found.description) == (
        "read",
        True,
        "List Items. The items for sale.",
    )
    assert [(p.name, p.type_name, p.required) for p in found.parameters] == [
        ("limit", "int | None", False),
        ("name", "list[str] | None", False),
    ]
    assert functions["Shop.get_item"].signature() == "Shop.get_item(item_id: int, x_trace: str | None = None)"
    assert functions["Shop.addItem"].effect == "write"
    assert not functions["Shop.addItem"].idempotent
    assert (functions["Shop.deleteItem"].effect, functions["Shop.deleteItem"].idempotent) == ("write", True)
    assert set(functions["Shop.get_item"].returns.__annotations__) == {
        "id",
        "name",
        "price",
        "colour",
        "tree",
    }


def test_a_plan_calls_an_api(address: str) -> None:
    kernel = kernel_at(address)
    plan = Plan.parse(
        '<plan><function.Shop.addItem name="fig" price="2.5" colour="red" tree=\'{"name": "a", "parts": []}\''
        ' setContextVariable="MADE"/>'
        '<function.Shop.get_item item_id="$MADE.id" setContextVariable="FOUND"/>'
        '<result name="RESULT__NAME" value="$FOUND.name"/>'
        '<function.Shop.deleteItem item_id="$MADE.id"/></plan>',
        kernel,
    )
    result = asyncio.run(Executor(kernel).run(plan))
    assert result.results == {"RESULT__NAME": "fig"}
    assert result.variables["FOUND"]["tree"] == {"name": "a", "parts": []}
    assert result.variables["FOUND"]["colour"] == "red"


def test_lists_repeat_in_a_query_and_headers_are_sent(address: str) -> None:
    kernel = kernel_at(address)
    names = [item["name"] for item in kernel.invoke_sync("Shop.listItems", name=["plum", "apple"], limit=5)]
    assert names == ["apple", "plum"]
    with pytest.raises(ApiStatusError) as caught:
        kernel.invoke_sync("Shop.get_item", item_id=99, x_trace="t-1")
    assert caught.value.status == 404
    assert caught.value.body == {"detail": {"missing": 99, "trace": "t-1"}}


def test_a_parameter_called_after_has_a_name_that_a_plan_can_write(address: str) -> None:
    kernel = kernel_at(address)
    plan = Plan.parse('<plan><function.Shop.page after_="x y&amp;z"/></plan>', kernel)
    assert asyncio.run(Executor(kernel).run(plan)).steps[0].value == {"after": "x y&z"}


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"name": "", "price": 1}, "name"),
        ({"name": "x", "price": -1}, "price"),
        ({"name": "x", "price": 1, "colour": "green"}, "colour"),
        ({"name": "x", "price": 1, "tree": {"name": "a", "parts": [{"name": 5}]}}, "tree"),
        ({"price": 1}, "name"),
        ({"name": "x", "price": 1, "size": 3}, "size"),
    ],
)
def test_an_argument_that_the_document_forbids_is_refused_before_it_is_sent(
    address: str, arguments: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        kernel_at(address).invoke_sync("Shop.addItem", **arguments)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize("text", ["a/../b", "ü ?#&", "50%", "a;b=c,d", "{text}"])
def test_a_value_stays_inside_its_part_of_the_path(address: str, text: str) -> None:
    kernel = kernel_at(address)
    if "/" in text:  # the server's router splits at an encoded slash, so it finds no such page
        with pytest.raises(ApiStatusError):
            kernel.invoke_sync("Shop.echo", text=text)
    else:
        assert kernel.invoke_sync("Shop.echo", text=text, q=text) == {"text": text, "q": text}


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_a_value_cannot_make_another_path(address: str, text: str) -> None:
    with pytest.raises(ArgumentError, match="stands in the path"):
        kernel_at(address).invoke_sync("Shop.echo", text=text)


def test_a_header_value_cannot_add_a_header(address: str) -> None:
    with pytest.raises(ArgumentError, match="stands in a header"):
        kernel_at(address).invoke_sync("Shop.get_item", item_id=1, x_trace="a\r\nX-Admin: yes")


def test_auth_by_scheme_and_for_all(address: str) -> None:
    asked: list[str] = []

    async def provider() -> str:
        asked.append("asked")
        return f"t{len(asked)}"

    auth = {"token": bearer(provider), "key": api_key("k-1", "X-Key"), "login": basic("ann", "pa:ss")}
    kernel = kernel_at(address, auth=auth)
    assert kernel.invoke_sync("Shop.withToken") == "t1"
    assert kernel.invoke_sync("Shop.withToken") == "t2"
    assert kernel.invoke_sync("Shop.withKey") == "k-1"
    assert kernel.invoke_sync("Shop.withLogin") == "ann:pa:ss"
    assert kernel_at(address, auth=bearer("one")).invoke_sync("Shop.withToken") == "one"
    kernel.invoke_sync("Shop.listItems")
    assert asked == ["asked", "asked"]


def test_without_auth_the_refusal_says_what_to_do(address: str) -> None:
    with pytest.raises(ApiStatusError, match="give auth="):
        kernel_at(address).invoke_sync("Shop.withToken")


@pytest.mark.parametrize(
    ("place", "expected"),
    [("query", ("http://api/x?q=1&k=s", None)), ("cookie", ("http://api/x?q=1", "a=b; k=s"))],
)
def test_an_api_key_in_the_query_or_a_cookie(place: Any, expected: tuple[str, str | None]) -> None:
    request = httpx.Request("GET", "http://api/x?q=1", headers={} if place == "query" else {"Cookie": "a=b"})

    async def apply() -> None:
        await api_key("s", "k", place)(request)

    asyncio.run(apply())
    assert (str(request.url), request.headers.get("cookie")) == expected


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("utf8", DoorResultError, "not the text"),
        ("json", DoorResultError, "not the JSON"),
        ("deep", DoorResultError, "not the JSON"),
        ("large", TooLargeError, "larger than 10000000 bytes"),
        ("gzip", DoorResultError, "compressed"),
        ("away", RedirectRefusedError, "another server"),
        ("circle", RedirectRefusedError, "without end"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_named_error(
    address: str, kind: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        kernel_at(address).invoke_sync("Shop.bad", kind=kind)
    assert "key=1" not in str(caught.value)


def test_answers_without_a_body_as_text_and_after_a_redirect_at_home(address: str) -> None:
    kernel = kernel_at(address)
    assert kernel.invoke_sync("Shop.bad", kind="empty") is None
    assert kernel.invoke_sync("Shop.bad", kind="text") == "plain"
    assert kernel.invoke_sync("Shop.bad", kind="home")["name"] == "apple"
    assert kernel.invoke_sync("Shop.deleteItem", item_id=77) is None
    with pytest.raises(ApiStatusError, match="out of order") as caught:
        kernel.invoke_sync("Shop.fail")
    assert (caught.value.status, caught.value.body) == (503, "out of order")


def test_a_server_that_is_gone_between_two_calls_is_a_named_error() -> None:
    with serving(shop()) as there:
        kernel = kernel_at(there, headers={"X-Secret": "s3cret"})
        assert kernel.invoke_sync("Shop.listItems", limit=1)
    with pytest.raises(ApiUnreachableError) as caught:
        kernel.invoke_sync("Shop.listItems", limit=1)
    assert caught.value.__cause__ is None
    assert "s3cret" not in repr(kernel.functions["Shop.listItems"])


def test_choosing_operations_renaming_effects_and_moving_the_server(address: str) -> None:
    skill = openapi_skill(
        f"{address}/openapi.json",
        include=["*items*", "page"],
        exclude=["DELETE *"],
        effects={"addItem": "read"},
        server=address,
    )
    assert (skill.name, skill.description) == ("Corner_Shop", "Sells things.")
    assert list(skill.functions) == ["listItems", "addItem", "get_item", "page"]
    assert skill.functions["addItem"].effect == "read"


def test_a_file_or_address_that_is_not_there_is_a_named_error(address: str, tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="cannot be read"):
        openapi_skill(tmp_path / "none.json")
    with pytest.raises(SpecificationError, match="answered 404"):
        openapi_skill(f"{address}/nothing.json")
    with pytest.raises(SpecificationError, match="cannot be read"):
        openapi_skill("http://127.0.0.1:9/openapi.json")


def test_a_parameter_may_be_called_self() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    taken = {"name": "self", "in": "query", "schema": {"type": "string"}}
    operation = {"operationId": "f", "parameters": [taken], "responses": {"200": {"description": "ok"}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "http://api.test"}],
        "paths": {"/x": {"get": operation}},
    }
    kernel = Kernel()
    kernel.add_skill(openapi_skill(document, name="A", transport=httpx.MockTransport(answer)))
    kernel.invoke_sync("A.f", self="me")
    assert seen == ["http://api.test/x?self=me"]
