"""How an answer is written under a constraint, with a model and a grammar that are a few lines each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import GrammarError
from planloom.services import Settings
from planloom.services.constraint import Logits
from planloom.services.llama_answer import LlamaAnswer
from planloom.services.llama_context import StopFlag
from planloom.services.prompt_tokens import PromptTokens
from planloom.services.sampling import Sampler

END = 0
LETTERS = range(1, 6)


@dataclass
class Model:
    """Logits that depend on all tokens before; and, as a real one, a memory that can be cut."""

    seed: int = 0
    forgets_parts: bool = True
    memory: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    few = 2

    @property
    def context(self) -> Model:
        return self

    @property
    def held(self) -> int:
        return len(self.memory)

    def read(self, prompt: PromptTokens, written: Sequence[int], flag: StopFlag) -> Logits:
        self.memory = [*prompt.tokens, *written]
        return self.logits(self.held)

    def extend(self, tokens: Sequence[int], flag: StopFlag) -> Logits:
        self.memory += tokens
        self.batches.append(len(tokens))
        return self.logits(self.held)

    def spare(self, tokens: int) -> int:
        return 99 if self.forgets_parts else 0

    def extend_by_guesses(
        self, tokens: Sequence[int], guessed: Sequence[int], flag: StopFlag
    ) -> list[Logits]:
        start = self.held + len(tokens)
        self.memory += [*tokens, *guessed]
        self.batches.append(len(tokens) + len(guessed))
        return [self.logits(start + count) for count in range(len(guessed) + 1)]

    def keep(self, count: int) -> None:
        assert self.forgets_parts
        del self.memory[count:]

    def logits(self, count: int) -> Logits:
        chance = random.Random(f"{self.seed} {self.memory[:count]}")
        return numpy.array([chance.gauss(0, 1) for _ in range(6)], dtype=numpy.float32)


@dataclass
class Sentences:
    """A constraint to a few sentences; a token may also be a pair of letters, spelled as one."""

    allowed: list[tuple[int, ...]]
    written: tuple[int, ...] = ()
    refused: list[int] = field(default_factory=list)

    def next(self) -> set[int]:
        size = len(self.written)
        live = [s for s in self.allowed if s[:size] == self.written]
        return {s[size] if len(s) > size else END for s in live}

    def allows(self, token: int) -> bool:
        return token in self.next()

    def mask(self, logits: Logits) -> None:
        for token in set(range(len(logits))) - self.next():
            logits[token] = -numpy.inf

    def accept(self, token: int) -> None:
        assert token in self.next()
        self.written += (token,)

    def forced(self) -> list[int]:
        found: list[int] = []
        ahead = Sentences(self.allowed, self.written)
        while len(choices := ahead.next()) == 1:
            [token] = choices
            if token == END:
                return found or [END]
            ahead.accept(token)
            found.append(token)
        return found

    def follows(self, tokens: Sequence[int]) -> int:
        ahead = Sentences(self.allowed, self.written)
        for count, token in enumerate(tokens):
            if token == END or not ahead.allows(token):
                return count
            ahead.accept(token)
        return len(tokens)

    def close(self) -> None: ...


def answer(
    constraint: Any, model: Model, *, temperature: float = 0.0, seed: int = 0, prompt: Sequence[int] = (9, 9)
) -> list[int]:
    sampler = Sampler(Settings(seed=seed), temperature=temperature, seed=0)
    writing = LlamaAnswer(model, sampler, constraint, StopFlag(), END.__eq__, "fake")  # type: ignore[arg-type]
    return list(writing.tokens(PromptTokens(prompt)))


languages = st.lists(st.lists(st.sampled_from(LETTERS), max_size=8).map(tuple), min_size=1, max_size=6)


class Stepwise(Sentences):
    def forced(self) -> list[int]:
        return []


@given(languages, st.integers(0, 99), st.sampled_from([0.0, 1.0]))
def test_forced_tokens_change_nothing_that_is_written_at_temperature_0(
    allowed: list[tuple[int, ...]], seed: int, temperature: float
) -> None:
    expected = answer(Stepwise(allowed), Model(seed))
    written = answer(Sentences(allowed), Model(seed))
    assert written == expected
    assert tuple(written[:-1]) in allowed


@given(
    languages,
    st.lists(st.sampled_from(LETTERS), min_size=2, max_size=40),
    st.integers(0, 99),
    st.sampled_from([0.0, 1.0]),
)
def test_guesses_change_nothing_that_is_written(
    allowed: list[tuple[int, ...]], prompt: list[int], seed: int, temperature: float
) -> None:
    def written(*, guessing: bool) -> list[int]:
        model = Model(seed, forgets_parts=guessing)
        return answer(Sentences(allowed), model, temperature=temperature, seed=seed, prompt=prompt)

    assert written(guessing=True) == written(guessing=False)


REPEATED = (1, 1, 2, 3, 4, 5)


def repeating(*, forgets_parts: bool = True) -> Model:
    """A model that writes ``REPEATED`` where it has a choice, and what it evaluated for that."""
    choices: list[tuple[int, ...]] = [REPEATED, (1, 1, 2, 3, 5, 5), (1, 1, 2, 3, 4, 1), (2, 1, 2, 3, 4, 4)]
    for seed in range(1000):
        model = Model(seed, forgets_parts)
        if answer(Sentences(choices), model, prompt=REPEATED) == [*REPEATED, END]:
            return model
    raise AssertionError("no seed makes the model write that")


def test_what_followed_in_the_prompt_is_evaluated_in_the_same_batch() -> None:
    model = repeating()
    # After the first choice 1, 2 and 3 are forced; 4 and 5 are guessed with them.
    assert model.batches == [6]
    assert model.memory == [*REPEATED, *REPEATED]


def test_a_model_that_cannot_forget_a_part_reads_no_guesses() -> None:
    model = repeating(forgets_parts=False)
    assert model.batches == [4, 1]
    assert model.memory == [*REPEATED, *REPEATED[:-1]]


def test_text_without_a_choice_is_evaluated_in_one_batch() -> None:
    model = Model()
    sentences: list[tuple[int, ...]] = [(1, 2, 3, 1, 2, 3), (2, 1, 1, 1, 1, 1, 1)]
    written = answer(Sentences(sentences), model)
    assert tuple(written[:-1]) in sentences
    assert model.batches == []

    two_choices: list[tuple[int, ...]] = [
        (1, 2, 2, 2, 3, 3),
        (1, 2, 2, 2, 4, 4),
        (2, 5, 5, 5, 3, 3),
        (2, 5, 5, 5, 4, 4),
    ]
    answer(Sentences(two_choices), model)
    assert model.batches == [4]


def test_an_answer_without_any_choice_needs_no_model() -> None:
    model = Model()
    assert answer(Sentences([(1, 2, 3)]), model) == [1, 2, 3, END]
    assert model.held == 0


def test_forced_tokens_are_counted_by_the_penalties() -> None:
    sampler = Sampler(Settings(frequency_penalty=1.0), temperature=0.0, seed=0)
    writing = LlamaAnswer(Model(), sampler, Sentences([(1, 1, 2), (1, 1, 3)]), StopFlag(), END.__eq__, "fake")  # type: ignore[arg-type]
    list(writing.tokens(PromptTokens([9])))
    likely = numpy.array([0, 1.5, 0, 0, 1, 0], dtype=numpy.float32)
    assert sampler.choose(likely, None) == 4


def test_a_constraint_that_allows_nothing_is_a_named_error() -> None:
    with pytest.raises(GrammarError):
        answer(Stepwise([]), Model())
