"""What a server's refusal means: an HTTP status and its body, as a named error that says what to do."""

from __future__ import annotations

import json
import re
from typing import Any

from planloom.errors import (
    ContextLengthError,
    ModelNotFoundError,
    ServiceAuthError,
    ServiceError,
    ServiceResponseError,
    ServiceUnavailableError,
)

__all__ = ["error_for", "may_pass"]

SHOWN = 300
# "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", and llama.cpp's
# "request (9000 tokens) exceeds the available context size (8192 tokens)".
CONTEXT_PHRASES = ("maximum context length", "available context size")
CONTEXT_CODES = ("context_length_exceeded", "exceed_context_size_error")
NUMBER_OF_TOKENS = re.compile(r"(\d+) tokens")


def may_pass(status: int) -> bool:
    """Whether the same request may succeed a little later."""
    return status in (408, 409, 425, 429) or status >= 500


def error_for(service: str, status: int, body: str, *, url: str, model: str) -> ServiceError:
    """The error for an answer that is not 200."""
    message, code = _said(body)
    if _is_context_error(message, code):
        return _context_error(service, message)
    if status in (401, 403):
        return ServiceAuthError(
            service,
            f"the server refuses the key (HTTP {status}). Give the right one as api_key, or in the "
            f"environment variable OPENAI_API_KEY. It says: {message}",
        )
    if status == 404:
        return _not_found(service, message, code, url=url, model=model)
    if may_pass(status):
        return ServiceUnavailableError(
            service, f"the server refuses for now (HTTP {status}); try again later. It says: {message}"
        )
    if 300 <= status < 400:
        return ServiceResponseError(
            service,
            f"{url} redirects elsewhere (HTTP {status}), which is not followed. Give the final base_url.",
        )
    return ServiceResponseError(
        service, f"the server refuses the request (HTTP {status}). It says: {message}"
    )


def _said(body: str) -> tuple[str, str]:
    """The server's message, and its code and type of error, as far as they can be found."""
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return repr(body[:SHOWN]), ""
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or error
        return str(message)[:SHOWN], f"{error.get('code')} {error.get('type')}"
    return str(error)[:SHOWN], ""


def _not_found(service: str, message: str, code: str, *, url: str, model: str) -> ServiceError:
    if "model" in message.lower() or "model" in code:
        return ModelNotFoundError(
            service, f"the server has no model {model!r}; name one that it serves. It says: {message}"
        )
    hint = "" if "/v1/" in url else " Most servers want a base_url that ends in /v1."
    return ServiceResponseError(service, f"there is nothing at {url} (HTTP 404).{hint} It says: {message}")


def _is_context_error(message: str, code: str) -> bool:
    return any(known in code for known in CONTEXT_CODES) or any(
        phrase in message.lower() for phrase in CONTEXT_PHRASES
    )


def _context_error(service: str, message: str) -> ContextLengthError:
    """Of the numbers of tokens in the message, the largest was needed and the smallest is the limit."""
    numbers = [int(number) for number in NUMBER_OF_TOKENS.findall(message)]
    return ContextLengthError(service, max(numbers, default=0), min(numbers, default=0))
