"""The model service that the command line asks for."""

from __future__ import annotations

import os
from argparse import Namespace

from planloom import services
from planloom.cli.errors import UsageError
from planloom.services.protocol import ChatService

__all__ = ["service_for"]


def service_for(arguments: Namespace) -> ChatService:
    """The service of ``--model``, ``--base-url`` and ``--api-key-env``; the embedded model if none is given.

    Raises:
        UsageError: a server is named without a model.
        ServiceError: there is no such model.
        MissingExtraError: an optional package is not installed.
    """
    if arguments.base_url is None:
        local: ChatService = services.LlamaService(arguments.model)
        return local
    if arguments.model is None:
        raise UsageError(f"--base-url {arguments.base_url}: name the server's model too, with --model NAME.")
    service: ChatService = services.OpenAIService(
        arguments.model, base_url=arguments.base_url, api_key=_key(arguments.api_key_env)
    )
    return service


def _key(variable: str | None) -> str | None:
    """The key from the environment; never from the command line, where other users would see it."""
    if variable is not None and not os.environ.get(variable):
        raise UsageError(f"--api-key-env {variable}: this environment variable is not set.")
    return os.environ.get(variable or "OPENAI_API_KEY")
