"""Reads prompts into a model's memory, and never reads twice what some earlier prompt began with."""

from __future__ import annotations

from collections.abc import Sequence

from planloom.errors import ContextLengthError
from planloom.services.chunks import chunk_ends, common_prefix
from planloom.services.constraint import Logits
from planloom.services.llama_context import BATCH, Cancelled, Cell, LlamaContext, StopFlag
from planloom.services.llama_vocabulary import LlamaVocabulary
from planloom.services.prefix_files import PrefixFiles
from planloom.services.prefix_store import PrefixStore
from planloom.services.prompt_tokens import PromptTokens

__all__ = ["LlamaReader"]

# Tokens. Below this it is quicker to evaluate them again than to copy their state, or to read it from disk.
WORTH_STORING = 40
WORTH_A_FILE = 128
STORED_BYTES = 128 << 20


class LlamaReader:
    """What a model's memory holds. One thread at a time may use it.

    Only whole chunks of earlier prompts are reused, so the result is the same, bit for bit, as without.
    """

    def __init__(
        self,
        context: LlamaContext,
        vocabulary: LlamaVocabulary,
        files: PrefixFiles | None,
        *,
        service: str,
        room: int,
    ) -> None:
        self.context, self._vocabulary, self._files = context, vocabulary, files
        self._service, self._room = service, room
        # The keys of the tokens in memory, and how many, from the start, were evaluated in whole chunks.
        self._held: list[int] = []
        self._settled = 0
        self._store = PrefixStore(STORED_BYTES)
        self.evaluated = 0
        """Tokens evaluated so far, by all calls."""

    @property
    def held(self) -> int:
        """How many tokens are in memory."""
        return len(self._held)

    def read(self, prompt: PromptTokens, written: Sequence[int], flag: StopFlag) -> Logits:
        """The logits after ``prompt`` and what was already ``written`` of the answer.

        Raises:
            ContextLengthError: they do not fit.
            Cancelled: ``flag`` was set.
        """
        tokens, keys = [*prompt.tokens, *written], [*prompt.keys(), *written]
        self.require_room(len(tokens))
        ends = chunk_ends(tokens, self._vocabulary.ends_line, prompt.breaks)
        self._recall(keys, prompt.lasting)
        usable = min(self._shared(keys), len(tokens) - 1)
        self.keep(max((end for end in ends if end <= usable), default=0))
        for end in [*ends, len(tokens)]:
            if end > self.held:
                self.extend(tokens[self.held : end], flag)
                self._held = keys[:end]
                if end == prompt.lasting:
                    self._file_away()
        self._settled = ends[-1] if ends else 0
        return self.context.logits(-1)

    def extend(self, tokens: Sequence[int], flag: StopFlag) -> Logits:
        """Evaluate ``tokens`` after those held; the logits after the last of them."""
        size = 1 if len(tokens) <= self.context.few else BATCH
        for start in range(0, len(tokens), size):
            part = tokens[start : start + size]
            cells = [Cell(token, self.held + at) for at, token in enumerate(part)]
            is_last = start + size >= len(tokens)
            self.evaluate(cells, [len(part) - 1] if is_last else [], flag)
            self._held += part
        return self.context.logits(-1)

    def spare(self, tokens: int) -> int:
        """How many guesses fit beside so many tokens. Wrong ones are forgotten, which not all models can."""
        room = min(BATCH, self._room - 1 - self.held)
        return max(0, room - tokens) if self.context.forgets_parts else 0

    def extend_by_guesses(
        self, tokens: Sequence[int], guessed: Sequence[int], flag: StopFlag
    ) -> list[Logits]:
        """Evaluate all in one batch; the logits after ``tokens``, and after each of those ``guessed``."""
        cells = [Cell(token, self.held + at) for at, token in enumerate([*tokens, *guessed])]
        outputs = range(len(tokens) - 1, len(cells))
        self.evaluate(cells, outputs, flag)
        self._held += [*tokens, *guessed]
        return [self.context.logits(output) for output in outputs]

    def evaluate(self, cells: Sequence[Cell], outputs: Sequence[int], flag: StopFlag) -> None:
        """Evaluate cells of any sequence; when that is cancelled, all is forgotten."""
        self.evaluated += len(cells)
        try:
            self.context.evaluate(cells, outputs, flag)
        except Cancelled:
            self.keep(0)
            raise

    def keep(self, count: int) -> None:
        """Forget all but the first ``count`` tokens; all of them where the model cannot forget a part."""
        if count == 0 or not self.context.cut(0, count):
            self.context.forget()
            count = 0
        del self._held[count:]
        self._settled = min(self._settled, count)

    def require_room(self, tokens: int) -> None:
        """Raise ``ContextLengthError`` if so many tokens leave no room for one more."""
        if tokens >= self._room:
            raise ContextLengthError(self._service, tokens, self._room)

    def _shared(self, keys: Sequence[int]) -> int:
        """How many tokens are held of those with ``keys``, and were evaluated in whole chunks."""
        return min(common_prefix(self._held, keys), self._settled)

    def _recall(self, keys: Sequence[int], lasting: int) -> None:
        """Store what is held if a prompt would drop much of it, and bring back a longer stored start.

        A planner puts questions of a few kinds in turn; so none has to be read again from its start.
        """
        shared = self._shared(keys)
        if self._settled - shared >= WORTH_STORING and not self._store.covers(self._held[: self._settled]):
            self.keep(self._settled)
            if self._held:
                self._store.add(self._held, self.context.state(0))
        stored = self._store.best(keys)
        from_store = common_prefix(stored[0], keys) if stored else 0
        if self._files and lasting >= WORTH_A_FILE and max(shared, from_store) < lasting:
            state = self._files.load(keys[:lasting])
            if state is not None and self._restore(keys[:lasting], state):
                return
        if stored is not None and from_store - shared >= WORTH_STORING:
            self._restore(*stored)

    def _restore(self, keys: Sequence[int], state: bytes) -> bool:
        self.keep(0)
        if not self.context.restore(0, state):
            self.context.forget()
            return False
        self._held = list(keys)
        self._settled = len(keys)
        return True

    def _file_away(self) -> None:
        """Save all that is held, if that is worth a file."""
        if self._files and self.held >= WORTH_A_FILE:
            self._files.save(self._held, self.context.state(0))
