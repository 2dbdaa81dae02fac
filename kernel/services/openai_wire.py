"""The chat-completions protocol: what is sent, and what an answer must look like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from planloom.errors import ServiceResponseError
from planloom.services.protocol import ChatMessage, CompletionChunk, FinishReason, Settings, Usage

__all__ = [
    "GrammarStyle",
    "MaxTokensField",
    "SchemaStyle",
    "event_data",
    "parse_answer",
    "parse_chunk",
    "parse_json",
    "request_body",
]

GrammarStyle = Literal["llama.cpp", "vllm", "sglang"]
SchemaStyle = Literal["json_schema", "json_object"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]

SHOWN = 200
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
}


def request_body(
    model: str,
    messages: Sequence[ChatMessage],
    settings: Settings,
    *,
    grammar_style: GrammarStyle | None = None,
    schema_style: SchemaStyle | None = None,
    max_tokens_field: MaxTokensField = "max_tokens",
    stream: bool = False,
) -> dict[str, Any]:
    """The JSON body of one request; settings that are None are left out, ``settings.extra`` wins."""
    named = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        max_tokens_field: settings.max_tokens,
        "stop": list(settings.stop) or None,
        "seed": settings.seed,
        "presence_penalty": settings.presence_penalty,
        "frequency_penalty": settings.frequency_penalty,
    }
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        **{name: value for name, value in named.items() if value is not None},
    }
    if settings.grammar is not None and grammar_style is not None:
        body |= _grammar_fields(settings.grammar, grammar_style)
    if settings.json_schema is not None and schema_style is not None:
        body["response_format"] = _response_format(settings.json_schema, schema_style)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | dict(settings.extra)


def _grammar_fields(grammar: str, style: GrammarStyle) -> dict[str, Any]:
    match style:
        case "llama.cpp":
            return {"grammar": grammar}
        case "vllm":
            return {"structured_outputs": {"grammar": grammar}}
        case "sglang":
            return {"ebnf": grammar}


def _response_format(schema: Mapping[str, Any], style: SchemaStyle) -> dict[str, Any]:
    match style:
        case "json_schema":
            named = {"name": "answer", "strict": True, "schema": dict(schema)}
            return {"type": "json_schema", "json_schema": named}
        case "json_object":
            return {"type": "json_object", "schema": dict(schema)}


def parse_json(service: str, text: str) -> dict[str, Any]:
    """The object that ``text`` spells.

    Raises:
        ServiceResponseError: it is not JSON, or not an object; the start of the text is shown.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServiceResponseError(
            service,
            f"the server's answer is not JSON; is the base URL that of an OpenAI-compatible API? It begins: "
            f"{text[:SHOWN]!r}",
        ) from error
    if not isinstance(value, dict):
        raise ServiceResponseError(service, f"the server's answer is not an object: {text[:SHOWN]!r}")
    return value


def _choice(service: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ServiceResponseError(service, f"the server's answer has no choices: {json.dumps(body)[:SHOWN]}")
    return choices[0]


def _text(service: str, choice: Mapping[str, Any], part: str) -> str:
    """What the model says; where it refuses to answer, the words with which it does."""
    message = choice.get(part)
    content = _said(message) if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise ServiceResponseError(
            service, f"the server's answer has no text: {json.dumps(choice, default=str)[:SHOWN]}"
        )
    return content


def _said(message: Mapping[str, Any]) -> Any:
    content, refusal = message.get("content"), message.get("refusal")
    if content is None or content == "":
        return "" if refusal is None else refusal
    return content


def _finish_reason(choice: Mapping[str, Any]) -> FinishReason | None:
    """The reason why the answer ended; an unknown one counts as "stop", none at all as None."""
    given = choice.get("finish_reason")
    return None if given is None else FINISH_REASONS.get(str(given), "stop")


def _usage(body: Mapping[str, Any]) -> Usage | None:
    """The usage that the server reports; None if it reports none."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    return Usage(prompt_tokens=int(counts[0] or 0), completion_tokens=int(counts[1] or 0), calls=1)


def parse_answer(service: str, body: Mapping[str, Any]) -> CompletionChunk:
    """A whole answer, as one chunk."""
    choice = _choice(service, body)
    return CompletionChunk(_text(service, choice, "message"), _usage(body), _finish_reason(choice) or "stop")


def parse_chunk(service: str, body: Mapping[str, Any]) -> CompletionChunk:
    """One event of a stream. The last one may hold the usage and no choice.

    Raises:
        ServiceResponseError: it is something else, such as the report of a failure.
    """
    usage = _usage(body)
    if body.get("choices") == [] or (usage is not None and not body.get("choices")):
        return CompletionChunk("", usage)
    choice = _choice(service, body)
    text = _text(service, choice, "delta") if "delta" in choice else ""
    return CompletionChunk(text, usage, _finish_reason(choice))


def event_data(line: str) -> str | None:
    """The data of one line of a server-sent event stream; None for comments, other fields and empty lines."""
    field, colon, value = line.partition(":")
    if field != "data" or not colon:
        return None
    return value.removeprefix(" ")
