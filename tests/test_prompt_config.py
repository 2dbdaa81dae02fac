"""Prompt configs in the shape of 2023, the current one, and mixtures."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom import prompts
from planloom.errors import PromptConfigError
from planloom.prompts import PromptConfig, PromptInput, read_config
from planloom.services.protocol import Settings

SOURCE = "Joke/config.json"


def read(**data: Any) -> PromptConfig:
    return read_config(data, source=SOURCE)


def settings(**data: Any) -> Settings:
    return read(execution_settings={"default": data}).settings["default"]


def test_minimal() -> None:
    assert read() == PromptConfig(
        name="",
        description="",
        template="",
        template_format="semantic-kernel",
        inputs=(),
        settings={},
        services=(),
    )
    assert read(template=None, input_variables=None, execution_settings=None) == PromptConfig()


def test_shape_of_2023() -> None:
    config = read(
        schema=1,
        type="completion",
        description="Tells a joke",
        template="{{$input}} {{$style}}",
        completion={
            "max_tokens": 256,
            "temperature": 0.9,
            "top_p": 0.5,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "number_of_responses": 1,
            "stop_sequences": ["[END]"],
            "token_selection_biases": {"50256": -100},
            "function_call": None,
        },
        default_services=["big", "small"],
        input={
            "parameters": [
                {"name": "input", "description": "Subject", "defaultValue": ""},
                {"name": "style", "description": "Style", "defaultValue": "dry", "type": "string"},
            ]
        },
    )
    assert config.description == "Tells a joke"
    assert config.services == ("big", "small")
    assert config.settings == {
        "default": Settings(
            temperature=0.9,
            top_p=0.5,
            max_tokens=256,
            stop=("[END]",),
            presence_penalty=0.1,
            frequency_penalty=0.2,
            extra={"logit_bias": {50256: -100}},
        )
    }
    assert config.inputs == (
        PromptInput("input", "Subject"),
        PromptInput("style", "Style", "dry", False, {"type": "string"}),
    )


def test_system_prompt_of_2023_is_the_first_message() -> None:
    config = read(completion={"chat_system_prompt": "Be {{$mood}}."}, template="{{$input}}")
    assert config.template == '<message role="system">Be {{$mood}}.</message>\n{{$input}}'
    assert [declared.name for declared in config.inputs] == ["input", "mood"]


def test_current_shape() -> None:
    config = read(
        name="Joke",
        template="{{ input }}",
        template_format="jinja2",
        input_variables=[
            {"name": "input", "json_schema": '{"type": "string"}', "allow_dangerously_set_content": True},
            {"name": "style", "default": "dry", "is_required": True, "sample": "x"},
            {"name": "extra", "is_required": False, "json_schema": {"type": "array"}},
        ],
        output_variable={"description": "The joke"},
        execution_settings={
            "default": {"max_completion_tokens": 10, "seed": 3, "stop": "x"},
            "big": {"service_id": "big", "model_id": "m", "response_format": {"type": "json_object"}},
        },
        allow_dangerously_set_content=False,
    )
    assert config.inputs == (
        PromptInput("input", json_schema={"type": "string"}, trusted=True),
        PromptInput("style", default="dry", required=False),
        PromptInput("extra", default="", required=False, json_schema={"type": "array"}),
    )
    assert config.settings == {
        "default": Settings(max_tokens=10, seed=3, stop=("x",)),
        "big": Settings(extra={"response_format": {"type": "json_object"}}),
    }
    assert config.services == ("big",)
    assert not config.trusted


def test_mixture() -> None:
    """As in semantic-kernel's own planner prompt: current settings, but ``defaultValue``."""
    config = read(
        execution_settings={"default": {"max_tokens": 1024}},
        completion={"max_tokens": 5, "service_id": "old"},
        input_variables=[{"name": "goal", "defaultValue": "none"}, {"name": "n", "default": "1"}],
        input={"parameters": [{"name": "N", "defaultValue": "2"}, {"name": "older", "defaultValue": ""}]},
    )
    assert config.settings == {"old": Settings(max_tokens=5), "default": Settings(max_tokens=1024)}
    assert {declared.name: declared.default for declared in config.inputs} == {
        "goal": "none",
        "n": "1",
        "older": None,
    }


def test_current_settings_win() -> None:
    config = read(completion={"max_tokens": 5}, execution_settings={"default": {"max_tokens": 6}})
    assert config.settings == {"default": Settings(max_tokens=6)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        ({}, {}),
        ([], {}),
        ({"temperature": 0.5}, {"default": 0.5}),
        ({"service_id": "s", "temperature": 0.5}, {"s": 0.5}),
        ([{"temperature": 0.5}, {"service_id": "s", "temperature": 0.1}], {"default": 0.5, "s": 0.1}),
        ({"s": {"temperature": 1}, "t": None}, {"s": 1, "t": None}),
        ({"default": {"extension_data": {"temperature": 0.3}}}, {"default": 0.3}),
    ],
)
def test_forms_of_execution_settings(given: Any, expected: dict[str, float | None]) -> None:
    config = read(execution_settings=given)
    assert {name: one.temperature for name, one in config.settings.items()} == expected


def test_function_calling_can_only_be_off() -> None:
    off = settings(function_choice_behavior={"type": "none"}, tool_call_behavior=None, function_call="none")
    assert off == Settings()
    with pytest.raises(PromptConfigError, match=r"function_choice_behavior is not supported"):
        settings(function_choice_behavior={"type": "auto"})


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{$param}}{{$param}}", ["param"]),
        ("{{plug.func input=$input}}", ["input"]),
        ("{{$INPUT}}", ["INPUT"]),
        ("{{$b}}{{$input}}", ["input", "b"]),
        ("", []),
    ],
)
def test_undeclared_variables_become_inputs(template: str, names: list[str]) -> None:
    config = read(template=template)
    assert [declared.name for declared in config.inputs] == names
    assert all(declared.required for declared in config.inputs)


def test_declared_inputs_keep_their_order_and_spelling() -> None:
    config = read(template="{{$LANGUAGE}}{{$x}}{{$Input}}", input_variables=[{"name": "language"}])
    assert [declared.name for declared in config.inputs] == ["Input", "language", "x"]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (
            {"input_variables": [{"name": "n", "default": 1}]},
            r"input_variables\[0\]\.default must be text in quotes",
        ),
        ({"input_variables": [{"name": "n", "default": 120}]}, 'such as "120"'),
        (
            {"input": {"parameters": [{"name": "n", "defaultValue": 1}]}},
            r"input\.parameters\[0\]\.defaultValue",
        ),
        ({"input_variables": [{"description": "x"}]}, r"input_variables\[0\]\.name is missing"),
        ({"input_variables": [{"name": "two words"}]}, r"\[0\]\.name is wrong"),
        ({"input_variables": [{"name": "a"}, {"name": "A"}]}, r"\[1\]\.name 'A' is declared twice"),
        ({"input_variables": {"name": "a"}}, "input_variables must be a list of objects"),
        ({"input_variables": ["a"]}, r"input_variables\[0\] must be an object"),
        ({"input_variables": [{"name": "a", "is_required": "yes"}]}, "is_required must be true or false"),
        ({"input_variables": [{"name": "a", "json_schema": "{"}]}, "json_schema is not JSON"),
        ({"input_variables": [{"name": "a", "json_schema": 5}]}, "json_schema must be a JSON schema"),
        ({"input_varaibles": []}, "input_varaibles is not a key; did you mean input_variables?"),
        ({"execution_settings": 5}, "execution_settings must be an object"),
        ({"execution_settings": {"default": 5}}, r"execution_settings\.default must be an object"),
        ({"execution_settings": {"temperature": "hot"}}, r"execution_settings\.temperature must be a number"),
        ({"execution_settings": {"temperature": float("nan")}}, "must be a number"),
        ({"execution_settings": {"temperature": True}}, "must be a number"),
        ({"execution_settings": {"max_tokens": 1.5}}, "must be a whole number"),
        ({"execution_settings": {"max_tokens": 0}}, "must be 1 or more"),
        ({"execution_settings": {"max_token": 5, "temperature": 0}}, "did you mean max_tokens?"),
        ({"completion": {"stop_sequences": [5]}}, r"completion\.stop_sequences must be a list of texts"),
        ({"completion": {"number_of_responses": 2}}, "must be 1: a prompt function has one answer"),
        ({"completion": {"token_selection_biases": {"x": 1}}}, "x is not the number of a token"),
        ({"template": 5}, "template must be text"),
        ({"template": "{{$a-b}}"}, "Line 1"),
        ({"template_format": "handlebars"}, "use semantic-kernel or jinja2"),
        ({"allow_dangerously_set_content": "true"}, "allow_dangerously_set_content must be true or false"),
    ],
)
def test_is_wrong(data: dict[str, Any], fault: str) -> None:
    with pytest.raises(PromptConfigError, match=fault) as caught:
        read_config(data, source=SOURCE)
    assert str(caught.value).startswith(SOURCE)
    assert caught.value.subject == SOURCE


def test_a_list_is_not_a_config() -> None:
    with pytest.raises(PromptConfigError, match="the config must be an object"):
        read_config([], source=SOURCE)  # type: ignore[arg-type]


def test_compiles_with_the_trust_it_declares() -> None:
    async def no_functions(*_: Any) -> Any:
        raise AssertionError

    data = {
        "template": "{{$a}}{{$b}}",
        "input_variables": [{"name": "a", "allow_dangerously_set_content": True}],
    }
    rendered = asyncio.run(read(**data).compile().render({"a": "<", "b": "<"}, no_functions))
    assert rendered == "<&lt;"
    everything = read(**data, allow_dangerously_set_content=True).compile()
    assert asyncio.run(everything.render({"a": "<", "b": "<"}, no_functions)) == "<<"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEYS = st.sampled_from(
    [
        "name",
        "default",
        "input",
        "parameters",
        "input_variables",
        "completion",
        "execution_settings",
        "template",
        "max_tokens",
        "temperature",
        "logit_bias",
        "json_schema",
        "stop",
        "extension_data",
        "service_id",
        "1",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_any_object_is_a_config_or_a_config_error(data: dict[str, Any]) -> None:
    try:
        config = read_config(data, source=SOURCE)
    except PromptConfigError:
        return
    assert all(declared.required == (declared.default is None) for declared in config.inputs)


def test_public_names_are_sorted_and_there() -> None:
    assert list(prompts.__all__) == sorted(prompts.__all__)
    assert all(hasattr(prompts, name) for name in prompts.__all__)


def test_jinja_and_yaml_are_imported_when_they_are_used() -> None:
    code = "import sys, planloom.prompts; print(sorted({'jinja2', 'yaml'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
