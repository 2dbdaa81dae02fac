"""The tokens of one answer, written by a local model under a constraint."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from planloom.errors import GrammarError
from planloom.services.constraint import Constraint, Logits
from planloom.services.guesses import Guesses
from planloom.services.llama_ahead import LlamaAhead
from planloom.services.llama_context import StopFlag
from planloom.services.llama_reader import LlamaReader
from planloom.services.prompt_tokens import PromptTokens
from planloom.services.sampling import Sampler

__all__ = ["LlamaAnswer"]


@dataclass(frozen=True)
class LlamaAnswer:
    """How one answer is written.

    Text that the constraint leaves no choice about is not drawn token by token: it is evaluated in one batch,
    together with the token drawn before it, and with a few that may follow.
    """

    reader: LlamaReader
    sampler: Sampler
    constraint: Constraint | None
    flag: StopFlag
    ends: Callable[[int], bool]
    service: str

    def tokens(self, prompt: PromptTokens) -> Iterator[int]:
        """The tokens after ``prompt``, made as they are asked for; the end token is the last one.

        Raises:
            ContextLengthError: the prompt does not fit.
            GrammarError: the constraint allows no token at all.
            Cancelled: the flag was set.
        """
        forced = yield from self._write_forced()
        if self._ended(forced):
            return
        logits = self.reader.read(prompt, forced, self.flag)
        guesses = Guesses([*prompt.tokens, *forced])
        ahead = LlamaAhead(self.reader, partial(self._likely, guesses), self.flag)
        while True:
            drawn = self._draw(logits)
            yield drawn
            if self.ends(drawn):
                return
            forced = yield from self._write_forced()
            if self._ended(forced):
                return
            guesses.note([drawn, *forced])
            logits = ahead.extend([drawn, *forced])

    def _draw(self, logits: Logits) -> int:
        token = self.sampler.choose(logits, self.constraint)
        if token is None:
            raise GrammarError(self.service, "it allows no token at this place", "")
        self._accept([token])
        return token

    def _write_forced(self) -> Generator[int, None, list[int]]:
        """Write what must come next; returns its tokens."""
        written: list[int] = []
        while not self._ended(written) and (forced := self._forced()):
            self._accept(forced)
            yield from forced
            written += forced
        return written

    def _forced(self) -> list[int]:
        return self.constraint.forced() if self.constraint is not None else []

    def _likely(self, guesses: Guesses, most: int, alike: int) -> list[int]:
        guessed = guesses.next(most, alike)
        return guessed if self.constraint is None else guessed[: self.constraint.follows(guessed)]

    def _accept(self, tokens: Sequence[int]) -> None:
        self.sampler.note(tokens)
        for token in tokens:
            if self.constraint is not None and not self.ends(token):
                self.constraint.accept(token)

    def _ended(self, tokens: Sequence[int]) -> bool:
        return bool(tokens) and self.ends(tokens[-1])
