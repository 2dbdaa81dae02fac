"""Model settings in prompt configs, in the shape of 2023 and the current one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planloom.prompts.fields import Fields
from planloom.services.protocol import Settings

__all__ = ["DEFAULT_SERVICE", "read_settings"]

DEFAULT_SERVICE = "default"

_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "timeout")
_COUNTS = ("max_tokens", "max_completion_tokens", "seed")
_LISTS = ("stop", "stop_sequences")
_OWN = (*_NUMBERS, *_COUNTS, *_LISTS, "grammar")
_BIASES = ("logit_bias", "token_selection_biases")
_ANSWERS = ("number_of_responses", "results_per_prompt")
_CALLING = ("function_choice_behavior", "function_call", "tool_call_behavior")
# They choose a service or a model, which the kernel does; or are read elsewhere.
_PASSED_OVER = (
    "service_id",
    "model_id",
    "ai_model_id",
    "extension_data",
    "chat_system_prompt",
    "default_services",
)
_KNOWN = (*_OWN, *_BIASES, *_ANSWERS, *_CALLING, *_PASSED_OVER)


def read_settings(config: Fields) -> dict[str, Settings]:
    """The settings of a prompt by service name; ``"default"`` is for any other service.

    ``completion`` (2023) is one object. ``execution_settings`` is one object, a list of them, or an object
    of them by service; where both speak of one service, it wins. A setting that is absent is left to the
    service, though semantic-kernel filled in ``max_tokens`` 256 and ``temperature`` 0.

    Raises:
        PromptConfigError: a setting has the wrong type or is one that planloom cannot honour.
    """
    legacy = config.child("completion")
    found = [] if legacy is None else [(_service_of(legacy), legacy)]
    return {name: _settings(fields) for name, fields in [*found, *_execution_settings(config)]}


def _execution_settings(config: Fields) -> list[tuple[str, Fields]]:
    key = "execution_settings"
    value = config.data.get(key)
    if isinstance(value, list):
        return [(_service_of(item), item) for item in config.children(key)]
    fields = config.child(key)
    if fields is None:
        return []
    if any(name in _KNOWN for name in fields.data):
        return [(_service_of(fields), fields)]
    empty = Fields({}, config.source)
    return [(str(name), fields.child(name) or empty) for name in fields.data]


def _service_of(fields: Fields) -> str:
    return fields.text("service_id") or DEFAULT_SERVICE


def _settings(fields: Fields) -> Settings:
    extension = fields.child("extension_data")
    if extension is not None:
        fields = Fields({**fields.data, **extension.data}, fields.source, fields.path)
    fields.refuse_misspelt(_KNOWN)
    _refuse_unsupported(fields)
    numbers = {key: fields.number(key) for key in _NUMBERS}
    return Settings(
        **numbers,
        max_tokens=_max_tokens(fields),
        seed=fields.count("seed"),
        stop=tuple(dict.fromkeys(text for key in _LISTS for text in fields.texts(key))),
        grammar=fields.text("grammar"),
        json_schema=None,
        extra=_extra(fields),
    )


def _max_tokens(fields: Fields) -> int | None:
    given = [(key, fields.count(key)) for key in ("max_tokens", "max_completion_tokens")]
    for key, value in given:
        if value is not None and value < 1:
            raise fields.wrong(key, f"must be 1 or more, not {value}; leave it out for no limit")
    return next((value for _, value in given if value is not None), None)


def _refuse_unsupported(fields: Fields) -> None:
    for key in _ANSWERS:
        if fields.count(key) not in (None, 1):
            raise fields.wrong(key, "must be 1: a prompt function has one answer")
    for key in _CALLING:
        if not _is_off(fields.data.get(key)):
            raise fields.wrong(key, "is not supported: plans call functions, models do not; leave it out")


def _is_off(behavior: object) -> bool:
    kind = behavior.get("type") if isinstance(behavior, Mapping) else behavior
    return kind is None or (isinstance(kind, str) and kind.lower() == "none")


def _extra(fields: Fields) -> dict[str, Any]:
    extra = {str(key): value for key, value in fields.data.items() if key not in _KNOWN and value is not None}
    for bias in filter(None, map(fields.child, _BIASES)):
        biases = {_token_id(bias, key): bias.number(key) for key in bias.data}
        extra |= {"logit_bias": biases} if biases else {}
    return extra


def _token_id(bias: Fields, key: Any) -> int:
    if isinstance(key, int) or (isinstance(key, str) and key.isdecimal() and len(key) < 12):
        return int(key)
    raise bias.wrong(str(key), "is not the number of a token")
