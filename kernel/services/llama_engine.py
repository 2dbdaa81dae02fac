"""One loaded model that writes and scores, driven through llama-cpp-python's low-level functions.

The library's own ``Llama`` class keeps the logits of a whole batch (100 MB for a small model), holds one
sequence only, and gives another text for the same prompt when it reuses a prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from planloom.errors import ContextLengthError, GrammarError
from planloom.services.chunks import chunk_ends, common_prefix
from planloom.services.constraint import Constraint, Logits
from planloom.services.llama_context import BATCH, SEQUENCES, Cancelled, Cell, LlamaContext, StopFlag
from planloom.services.llama_library import load_model
from planloom.services.llama_vocabulary import LlamaVocabulary
from planloom.services.prefix_store import PrefixStore
from planloom.services.sampling import Sampler, log_softmax

__all__ = ["LlamaEngine"]

# How many tokens of continuations are evaluated together. From 64 on llama.cpp's attention takes another way
# with other rounding, and a score would depend on what it is asked together with.
SCORED_AT_ONCE = 60
# Tokens. Below this it is quicker to evaluate them again than to copy their state.
WORTH_STORING = 40
STORED_BYTES = 128 << 20


class LlamaEngine:
    """A loaded model. One thread at a time may use it; its ``vocabulary`` any number."""

    def __init__(self, path: Path, library: Any, *, service: str, context_tokens: int, threads: int) -> None:
        self._service, self.library = service, library
        self._model = load_model(path, library, service)
        self.vocabulary = LlamaVocabulary(self._model, library)
        trained: int = library.llama_model_n_ctx_train(self._model)
        self.context_tokens = min(context_tokens, trained) if trained > 0 else context_tokens
        self._context = LlamaContext(
            self._model, library, service, tokens=self.context_tokens, threads=threads
        )
        # The tokens in memory, and how many of them, from the start, were evaluated in whole chunks.
        self._held: list[int] = []
        self._settled = 0
        self._store = PrefixStore(STORED_BYTES)

    def close(self) -> None:
        """Free the model and its memory. May be called twice."""
        model, self._model = self._model, None
        if model:
            self._context.close()
            self.library.llama_model_free(model)

    @property
    def chat_template(self) -> str | None:
        """The Jinja text in the model file; None for a base model."""
        found = self.library.llama_model_chat_template(self._model, None)
        return found.decode() if found else None

    def generate(
        self,
        prompt: Sequence[int],
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
        logits = self._read(prompt, flag)
        remaining = min(limit, self.context_tokens - len(prompt))
        while remaining > 0:
            token = sampler.choose(logits, constraint)
            if token is None:
                raise GrammarError(self._service, "it allows no token at this place", "")
            ended = self.vocabulary.ends_answer(token)
            written = [token] if ended else _with_forced(token, constraint)[:remaining]
            yield from written
            remaining -= len(written)
            if ended or remaining == 0:
                return
            sampler.note(written)
            self._extend(written, flag)
            logits = self._context.logits(-1)

    def score(
        self, prompt: Sequence[int], continuations: Sequence[Sequence[int]], flag: StopFlag
    ) -> list[float]:
        """The log-likelihood of each continuation after ``prompt``, which is evaluated once.

        Continuations are evaluated side by side, as sequences that share the prompt's memory.

        Raises:
            ContextLengthError: the prompt with the longest continuation does not fit.
            Cancelled: ``flag`` was set.
        """
        self._require_room(len(prompt) + max(map(len, continuations), default=0))
        first = log_softmax(self._read(prompt, flag))
        scores = [float(first[tokens[0]]) if tokens else 0.0 for tokens in continuations]
        room = min(SCORED_AT_ONCE, self.context_tokens - len(prompt))
        for group in _groups(continuations, room):
            rest = self._score_rest([continuations[index] for index in group], flag)
            for index, value in zip(group, rest, strict=True):
                scores[index] += value
        return scores

    def _score_rest(self, continuations: Sequence[Sequence[int]], flag: StopFlag) -> Iterator[float]:
        """For each, the log-likelihood of all its tokens after the first."""
        start = len(self._held)
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
            self._evaluate(part, range(len(part)), flag)
            rows: NDArray[numpy.float64] = log_softmax(
                numpy.stack([self._context.logits(index) for index in range(len(part))])
            )
            found += rows[numpy.arange(len(part)), chosen[start : start + len(part)]].tolist()
        return found

    def _read(self, prompt: Sequence[int], flag: StopFlag) -> Logits:
        """The logits after ``prompt``, reusing what is held of it.

        Only whole chunks of earlier prompts are reused, so the result is the same, bit for bit, as without.
        """
        self._require_room(len(prompt))
        ends = chunk_ends(prompt, self.vocabulary.ends_line)
        self._recall(prompt)
        usable = min(self._shared(prompt), len(prompt) - 1)
        self._keep(max((end for end in ends if end <= usable), default=0))
        for end in [*ends, len(prompt)]:
            if end > len(self._held):
                self._extend(prompt[len(self._held) : end], flag)
        self._settled = ends[-1] if ends else 0
        return self._context.logits(-1)

    def _shared(self, prompt: Sequence[int]) -> int:
        """How many tokens of ``prompt`` are held, and were evaluated in whole chunks."""
        return min(common_prefix(self._held, prompt), self._settled)

    def _recall(self, prompt: Sequence[int]) -> None:
        """Store what is held if ``prompt`` would drop much of it, and bring back a longer stored start.

        A planner puts questions of a few kinds in turn; so none has to be read again from its start.
        """
        shared = self._shared(prompt)
        if self._settled - shared >= WORTH_STORING and not self._store.covers(self._held[: self._settled]):
            self._keep(self._settled)
            if self._held:
                self._store.add(self._held, self._context.state(0))
        found = self._store.best(prompt)
        if found is not None and common_prefix(found[0], prompt) - shared >= WORTH_STORING:
            self._restore(*found)

    def _restore(self, tokens: Sequence[int], state: bytes) -> None:
        self._keep(0)
        if self._context.restore(0, state):
            self._held = list(tokens)
            self._settled = len(tokens)
        else:
            self._context.forget()

    def _extend(self, tokens: Sequence[int], flag: StopFlag) -> None:
        """Evaluate ``tokens`` after those held, with logits after the last one."""
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            held = len(self._held)
            cells = [Cell(token, held + at) for at, token in enumerate(part)]
            self._evaluate(cells, [len(part) - 1], flag)
            self._held += part

    def _evaluate(self, cells: Sequence[Cell], outputs: Sequence[int], flag: StopFlag) -> None:
        try:
            self._context.evaluate(cells, outputs, flag)
        except Cancelled:
            self._keep(0)
            raise

    def _keep(self, count: int) -> None:
        """Forget all but the first ``count`` tokens; all of them where the model cannot forget a part."""
        if count == 0 or not self._context.cut(0, count):
            self._context.forget()
            count = 0
        del self._held[count:]
        self._settled = min(self._settled, count)

    def _require_room(self, tokens: int) -> None:
        if tokens >= self.context_tokens:
            raise ContextLengthError(self._service, tokens, self.context_tokens)


def _with_forced(token: int, constraint: Constraint | None) -> list[int]:
    """``token`` and all that must follow it: text without a choice is evaluated at once, not drawn."""
    if constraint is None:
        return [token]
    constraint.accept(token)
    forced = constraint.forced()
    for following in forced:
        constraint.accept(following)
    return [token, *forced]


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
