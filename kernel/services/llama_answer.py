"""The tokens of one answer, written by a local model under a constraint."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from planloom.errors import GrammarError
from planloom.services.constraint import Constraint, Logits
from planloom.services.llama_context import StopFlag
from planloom.services.llama_reader import LlamaReader
from planloom.services.prompt_tokens import PromptTokens
from planloom.services.sampling import Sampler

__all__ = ["LlamaAnswer"]

CHECKED_AT_ONCE = 64


@dataclass(frozen=True)
class LlamaAnswer:
    """How one answer is written.

    Text that the constraint leaves no choice about is not drawn token by token, but evaluated in one batch.
    With ``checked``, each token of it is compared with the one that would have been drawn, and where they
    differ the drawn one counts: the same text, cut into other tokens.
    """

    reader: LlamaReader
    sampler: Sampler
    constraint: Constraint | None
    flag: StopFlag
    ends: Callable[[int], bool]
    service: str
    checked: bool = False

    def tokens(self, prompt: PromptTokens) -> Iterator[int]:
        """The tokens after ``prompt``, made as they are asked for; the end token is the last one.

        Raises:
            ContextLengthError: the prompt does not fit.
            GrammarError: the constraint allows no token at all.
            Cancelled: the flag was set.
        """
        forced = [] if self.checked else (yield from self._write_forced())
        if self._ended(forced):
            return
        rows, draft = [self.reader.read(prompt, forced, self.flag)], list[int]()
        while True:
            last = yield from self._draw(rows, draft)
            if self._ended([last]):
                return
            if self.checked:
                draft = self._forced()[:CHECKED_AT_ONCE]
                if self._ended(draft):
                    yield from draft
                    return
                rows = self.reader.extend([last, *draft], self.flag, len(draft) + 1)
            else:
                forced = yield from self._write_forced()
                if self._ended(forced):
                    return
                rows = self.reader.extend([last, *forced], self.flag)

    def _draw(self, rows: Sequence[Logits], draft: Sequence[int]) -> Generator[int, None, int]:
        """Draw a token from each of ``rows`` as long as it is the one in ``draft``; forget the rest of those.

        Returns the last token drawn, which is not evaluated yet.
        """
        agreed = 0
        while True:
            token = self.sampler.choose(rows[agreed], self.constraint)
            if token is None:
                raise GrammarError(self.service, "it allows no token at this place", "")
            self._accept([token])
            yield token
            if token not in draft[agreed : agreed + 1]:
                break
            agreed += 1
        if agreed < len(draft):
            self.reader.keep(self.reader.held - (len(draft) - agreed))
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

    def _accept(self, tokens: Sequence[int]) -> None:
        self.sampler.note(tokens)
        for token in tokens:
            if self.constraint is not None and not self.ends(token):
                self.constraint.accept(token)

    def _ended(self, tokens: Sequence[int]) -> bool:
        return bool(tokens) and self.ends(tokens[-1])
