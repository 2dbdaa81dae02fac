"""A service without a model: it answers from a list or a function, and remembers what it was asked."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from planloom.errors import ServiceResponseError
from planloom.services.protocol import ChatMessage, Completion, CompletionChunk, Settings, Usage
from planloom.services.usage import estimate_usage

__all__ = ["ScriptedAnswer", "ScriptedRequest", "ScriptedService"]

ScriptedAnswer = str | Completion | Exception
Script = Callable[[Sequence[ChatMessage], Settings], ScriptedAnswer | Awaitable[ScriptedAnswer]]

PIECE = 8


@dataclass(frozen=True, slots=True)
class ScriptedRequest:
    """What one call was given."""

    messages: tuple[ChatMessage, ...]
    settings: Settings

    @property
    def text(self) -> str:
        """The contents of all messages, joined by newlines."""
        return "\n".join(message.content for message in self.messages)


class ScriptedService:
    """Answers from a script; for tests, samples and replays.

    Args:
        answers: the answers in order, or a function (sync or async) of messages and settings that gives one.
            An answer is a text, a ``Completion``, or an exception, which is raised.
        name: the service's name in errors and events.
        accepts_grammar: whether the service says that it takes a grammar. It records it and does not obey it.
        context_tokens: what the service says of its context; None for unknown.

    ``requests`` holds every call so far. A text's usage is estimated, four bytes a token. When the answers
    run out, a call raises ``ServiceResponseError``.
    """

    def __init__(
        self,
        answers: Sequence[ScriptedAnswer] | Script = (),
        *,
        name: str = "scripted",
        accepts_grammar: bool = False,
        context_tokens: int | None = None,
    ) -> None:
        if isinstance(answers, str):
            answers = [answers]
        self._answer: Script = answers if callable(answers) else _in_order(name, answers)
        self._name, self._accepts_grammar, self._context_tokens = name, accepts_grammar, context_tokens
        self.requests: list[ScriptedRequest] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def accepts_grammar(self) -> bool:
        return self._accepts_grammar

    @property
    def context_tokens(self) -> int | None:
        return self._context_tokens

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """The script's next answer.

        Raises:
            ServiceResponseError: the answers have run out.
            Exception: whatever exception the script holds at this place.
        """
        self.requests.append(ScriptedRequest(tuple(messages), settings))
        answer = self._answer(messages, settings)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            answer = Completion(answer)
        if answer.usage == Usage():
            return Completion(answer.text, estimate_usage(messages, answer.text), answer.finish_reason)
        return answer

    async def stream(
        self, messages: Sequence[ChatMessage], settings: Settings
    ) -> AsyncIterator[CompletionChunk]:
        """The script's next answer in pieces of a few characters."""
        answer = await self.complete(messages, settings)
        for piece in _pieces(answer.text):
            yield CompletionChunk(piece)
        yield CompletionChunk("", answer.usage, answer.finish_reason)


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _in_order(name: str, answers: Sequence[ScriptedAnswer]) -> Script:
    remaining = iter(tuple(answers))

    def answer(messages: Sequence[ChatMessage], settings: Settings) -> ScriptedAnswer:
        following = next(remaining, None)
        if following is None:
            raise ServiceResponseError(
                name,
                f"the script held {len(answers)} answers, and this call asks for one more. Add an answer.",
            )
        return following

    return answer
