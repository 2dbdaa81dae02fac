"""Choosing by sentence embeddings: cosines, what is kept, and values in Chinese."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from planloom import Kernel, kernel_function
from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.han import is_han, numerals, spans
from planloom.planners.choices.nearness import Nearness, local_nearness
from planloom.services import allow_model_requests


class Letters:
    """An embedding service: how often a text has each letter."""

    name = "letters"
    dimension = 26

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return [[float(text.lower().count(chr(97 + index))) for index in range(26)] for text in texts]


class Skill:
    @kernel_function
    def buzz(self) -> None:
        """Buzz."""

    @kernel_function
    def moo(self) -> None:
        """Moo."""


def test_the_nearest_function_says_the_same() -> None:
    kernel = Kernel()
    kernel.add_skill(Skill())
    functions = list(kernel.functions.values())
    cosines = asyncio.run(Nearness(Letters()).of("moo", functions))
    near = {function.name: cosine for function, cosine in zip(functions, cosines, strict=True)}
    assert near == {"buzz": 0.0, "moo": pytest.approx(1.0)}


def test_vectors_of_functions_are_computed_once() -> None:
    service = Letters()
    nearness = Nearness(service)
    for request in ("a", "b"):
        asyncio.run(nearness.to(request, ["one", "two"]))
    assert service.texts == ["a", "one", "two", "b"]


def test_a_text_without_a_vector_is_near_to_nothing() -> None:
    assert asyncio.run(Nearness(Letters()).to("...", ["one"])) == [0.0]


def test_no_local_model_while_requests_are_switched_off() -> None:
    with allow_model_requests(False):
        assert asyncio.run(local_nearness()) is None


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("把客厅的灯关掉", {"客厅", "灯关", "关掉", "灯关掉"}),
        ("在 Oslo 吗", set()),
        ("卧室现在几度", {"卧室"}),
    ],
)
def test_spans_stand_between_function_words(clause: str, expected: set[str]) -> None:
    found = list(spans(Piece(clause, 5)))
    assert {piece.text for piece in found} == expected
    assert all(clause[piece.start - 5 : piece.end - 5] == piece.text for piece in found)


@pytest.mark.parametrize(
    ("clause", "value"),
    [("订两晚", 2), ("调到百分之三十", 30), ("十二个", 12), ("一百零五个", 105), ("二十", 20)],
)
def test_numerals_are_read(clause: str, value: int) -> None:
    assert [number for _, number in numerals(Piece(clause, 0))] == [value]


def test_one_character_makes_a_text_chinese() -> None:
    assert is_han("Oslo 吗")
    assert not is_han("Oslo?")
