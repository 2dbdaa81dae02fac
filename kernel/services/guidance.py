"""Grammars run by llguidance: masks in microseconds, and the text that a grammar leaves no choice about."""

from __future__ import annotations

import importlib
import importlib.util
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy

from planloom.errors import GrammarError
from planloom.services.constraint import Logits
from planloom.services.lark import lark_of
from planloom.services.llama_vocabulary import LlamaVocabulary

__all__ = ["Guidance", "GuidanceConstraint", "has_guidance"]

SPECIAL = b"\xff"
"""Before the text of a token that is no text."""
KEPT = 8
"""Grammars; a planner uses one for each selection of functions."""


def has_guidance() -> bool:
    """Whether llguidance is installed."""
    return importlib.util.find_spec("llguidance") is not None


class Guidance:
    """llguidance for one model's vocabulary. Building it takes up to half a second, so it is kept.

    It must not be used after the model was freed.
    """

    def __init__(self, vocabulary: LlamaVocabulary, service: str) -> None:
        self._llguidance = importlib.import_module("llguidance")
        self._vocabulary, self._service = vocabulary, service
        self._ends = frozenset(filter(vocabulary.ends_answer, range(vocabulary.size)))
        # What llguidance.llamacpp does, without the deprecated functions that it calls.
        self._tokenizer = self._llguidance.LLTokenizer.from_llamacpp(
            tokens=[SPECIAL * vocabulary.is_marker(token) + text for token, text in vocabulary.texts()],
            vocab_ptr=vocabulary.handle,
            tokenize_fptr=vocabulary.tokenize_address,
            eos_token=sorted(self._ends),
        )
        self._matchers: OrderedDict[str, Any] = OrderedDict()

    def constraint(self, gbnf: str) -> GuidanceConstraint | None:
        """A fresh constraint for a grammar that llama.cpp has accepted.

        None for one that llguidance cannot take, such as a recursive one.
        """
        if gbnf not in self._matchers:
            self._matchers[gbnf] = self._compiled(gbnf)
        self._matchers.move_to_end(gbnf)
        if len(self._matchers) > KEPT:
            self._matchers.popitem(last=False)
        matcher = self._matchers[gbnf]
        if matcher is None:
            return None
        return GuidanceConstraint(matcher.deep_copy(), self._vocabulary.end, self._ends, gbnf, self._service)

    def _compiled(self, gbnf: str) -> Any:
        lark = lark_of(gbnf)
        if lark is None:
            return None
        engine = self._llguidance.LLMatcher
        matcher = engine(self._tokenizer, engine.grammar_from_lark(lark), log_level=0)
        return None if matcher.is_error() else matcher


class GuidanceConstraint:
    """A grammar at one place of an answer.

    Forced tokens are those of the forced text's usual spelling. A token at its end that could become a longer
    one, depending on what follows, is left to the model. llama.cpp allows other spellings too.
    """

    def __init__(
        self,
        matcher: Any,
        end: int,
        ends: frozenset[int],
        gbnf: str,
        service: str,
    ) -> None:
        self._matcher, self._end, self._ends = matcher, end, ends
        self._gbnf, self._service = gbnf, service

    def allows(self, token: int) -> bool:
        if token in self._ends:
            return bool(self._matcher.is_accepting())
        return self.follows([token]) == 1

    def mask(self, logits: Logits) -> None:
        packed = numpy.frombuffer(self._matcher.compute_bitmask(), dtype=numpy.uint8)
        allowed = numpy.unpackbits(packed, bitorder="little")[: len(logits)]
        self._require_sound()
        logits[allowed == 0] = -numpy.inf

    def accept(self, token: int) -> None:
        self._matcher.consume_token(token)
        self._require_sound()

    def forced(self) -> list[int]:
        if self._matcher.is_stopped():
            return [self._end] if self._end in self._ends else []
        found: list[int] = self._matcher.compute_ff_tokens()
        return found

    def follows(self, tokens: Sequence[int]) -> int:
        count: int = self._matcher.validate_tokens(list(tokens))
        return count

    def close(self) -> None:
        """Nothing is held that would not go by itself."""

    def _require_sound(self) -> None:
        if self._matcher.is_error():
            said = f"llguidance cannot follow it any further ({self._matcher.get_error().splitlines()[0]})"
            raise GrammarError(self._service, said, self._gbnf)
