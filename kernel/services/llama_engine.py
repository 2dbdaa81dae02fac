"""One loaded model that writes and scores, driven through llama-cpp-python's low-level functions.

The library's own ``Llama`` class keeps the logits of a whole batch (100 MB for a small model), holds one
sequence only, and gives another text for the same prompt when it reuses a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from planloom.services.constraint import Constraint, GbnfConstraint, GrammarEngine
from planloom.services.guidance import Guidance, has_guidance
from planloom.services.llama_answer import LlamaAnswer
from planloom.services.llama_context import SEQUENCES, Cell, LlamaContext, StopFlag
from planloom.services.llama_library import context_limit, load_model
from planloom.services.llama_reader import LlamaReader
from planloom.services.llama_vocabulary import LlamaVocabulary
from planloom.services.prefix_files import PrefixFiles
from planloom.services.prompt_tokens import PromptTokens
from planloom.services.sampling import Sampler, log_softmax

__all__ = ["LlamaEngine"]

# How many tokens of continuations are evaluated together. More are no faster, and each needs room for logits.
SCORED_AT_ONCE = 60


class LlamaEngine:
    """A loaded model. One thread at a time may use it; its ``vocabulary`` any number."""

    def __init__(
        self,
        path: Path,
        library: Any,
        *,
        service: str,
        context_tokens: int,
        threads: int,
        files: PrefixFiles | None = None,
        adapter: Path | None = None,
    ) -> None:
        self._service, self.library = service, library
        with ExitStack() as opened:
            self._model = load_model(path, library, service)
            opened.callback(library.llama_model_free, self._model)
            self.vocabulary = LlamaVocabulary(self._model, library)
            self.context_tokens = context_limit(self._model, library, context_tokens)
            self._context = LlamaContext(
                self._model, library, service, tokens=self.context_tokens, threads=threads
            )
            opened.callback(self._context.close)
            if adapter is not None:
                self._context.add(adapter, self._model)
            self._opened = opened.pop_all()
        self.reader = LlamaReader(
            self._context, self.vocabulary, files, service=service, room=self.context_tokens
        )
        self._guidance: Guidance | None = None

    def close(self) -> None:
        """Free the model and its memory. May be called twice."""
        self._model = self._guidance = None
        self._opened.close()

    @property
    def chat_template(self) -> str | None:
        """The Jinja text in the model file; None for a base model."""
        found = self.library.llama_model_chat_template(self._model, None)
        return found.decode() if found else None

    def constraint(self, grammar: str, engine: GrammarEngine = "auto") -> Constraint:
        """A GBNF grammar, run by llguidance where that is installed and can, else by llama.cpp.

        Raises:
            GrammarError: llama.cpp does not take the grammar.
        """
        plain = GbnfConstraint(grammar, self.vocabulary.handle, self.library, self._service)
        if engine == "llama.cpp" or not has_guidance():
            return plain
        self._guidance = self._guidance or Guidance(self.vocabulary, self._service)
        guided = self._guidance.constraint(grammar)
        if guided is None:
            return plain
        plain.close()
        return guided

    def generate(
        self,
        prompt: PromptTokens,
        sampler: Sampler,
        constraint: Constraint | None,
        limit: int,
        flag: StopFlag,
    ) -> Iterator[int]:
        """Write up to ``limit`` tokens after ``prompt``, the end token among them if the model comes to it.

        Raises:
            ContextLengthError: the prompt leaves no room for an answer.
            GrammarError: the constraint allows no token at all.
            Cancelled: ``flag`` was set.
        """
        self.reader.require_room(len(prompt.tokens))
        answer = LlamaAnswer(
            self.reader, sampler, constraint, flag, self.vocabulary.ends_answer, self._service
        )
        return islice(answer.tokens(prompt), min(limit, self.context_tokens - len(prompt.tokens)))

    def score(
        self, prompt: PromptTokens, continuations: Sequence[Sequence[int]], flag: StopFlag
    ) -> list[float]:
        """The log-likelihood of each continuation after ``prompt``, which is evaluated once.

        Continuations are evaluated side by side, as sequences that share the prompt's memory.

        Raises:
            ContextLengthError: the prompt with the longest continuation does not fit.
            Cancelled: ``flag`` was set.
        """
        size = len(prompt.tokens)
        self.reader.require_room(size + max(map(len, continuations), default=0))
        first = log_softmax(self.reader.read(prompt, (), flag))
        scores = [float(first[tokens[0]]) if tokens else 0.0 for tokens in continuations]
        room = min(SCORED_AT_ONCE, self.context_tokens - size)
        for group in _groups(continuations, room):
            rest = self._score_rest([continuations[index] for index in group], flag)
            for index, value in zip(group, rest, strict=True):
                scores[index] += value
        return scores

    def _score_rest(self, continuations: Sequence[Sequence[int]], flag: StopFlag) -> Iterator[float]:
        """For each, the log-likelihood of all its tokens after the first."""
        start = self.reader.held
        cells = []
        for sequence, tokens in enumerate(continuations, 1):
            self._context.copy(0, sequence)
            cells += [Cell(token, start + at, sequence) for at, token in enumerate(tokens[:-1])]
        chosen = [token for tokens in continuations for token in tokens[1:]]
        likelihoods = iter(self._likelihoods(cells, chosen, flag))
        for sequence in range(1, len(continuations) + 1):
            self._context.cut(sequence, 0)
        return (sum(next(likelihoods) for _ in tokens[1:]) for tokens in continuations)

    def _likelihoods(self, cells: Sequence[Cell], chosen: Sequence[int], flag: StopFlag) -> list[float]:
        """The log-likelihood of ``chosen[i]`` right after ``cells[i]``."""
        found: list[float] = []
        for start in range(0, len(cells), SCORED_AT_ONCE):
            part = cells[start : start + SCORED_AT_ONCE]
            self.reader.evaluate(part, range(len(part)), flag)
            rows: NDArray[numpy.float64] = log_softmax(
                numpy.stack([self._context.logits(index) for index in range(len(part))])
            )
            found += rows[numpy.arange(len(part)), chosen[start : start + len(part)]].tolist()
        return found


def _groups(continuations: Sequence[Sequence[int]], room: int) -> Iterator[list[int]]:
    """The indices of continuations of two tokens or more, as many together as fit; a longer one is alone."""
    group: list[int] = []
    size = 0
    for index, tokens in enumerate(continuations):
        if len(tokens) < 2:
            continue
        if group and (len(group) == SEQUENCES - 1 or size + len(tokens) > room):
            yield group
            group, size = [], 0
        group.append(index)
        size += len(tokens)
    if group:
        yield group
