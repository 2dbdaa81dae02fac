"""Chooses the next token from a model's logits: temperature, top-p, penalties and a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy
from numpy.typing import NDArray

from planloom.services.constraint import Constraint, Logits
from planloom.services.protocol import Settings

__all__ = ["Sampler", "log_softmax"]


def log_softmax(logits: Logits) -> NDArray[numpy.float64]:
    """Natural logarithms of the probabilities, along the last axis."""
    shifted = logits.astype(numpy.float64) - logits.max(axis=-1, keepdims=True)
    normalized: NDArray[numpy.float64] = shifted - numpy.log(numpy.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized


class Sampler:
    """The choices of one answer: the likeliest token at temperature 0, else one drawn with the seed."""

    def __init__(self, settings: Settings, *, temperature: float, seed: int | None) -> None:
        self._temperature = temperature if settings.temperature is None else settings.temperature
        self._top_p = 1.0 if settings.top_p is None else settings.top_p
        self._presence = settings.presence_penalty or 0.0
        self._frequency = settings.frequency_penalty or 0.0
        self._random = numpy.random.default_rng(seed if settings.seed is None else settings.seed)
        self._written: Counter[int] = Counter()

    def choose(self, logits: Logits, constraint: Constraint | None) -> int | None:
        """The next token, which the constraint allows; None if it allows none at all."""
        logits = self._penalized(logits)
        token = self._pick(logits)
        # Masking all tokens is slow and mostly not needed. Drawing again among the allowed ones after a
        # refusal gives each the same probability as masking first.
        if constraint is not None and not constraint.allows(token):
            constraint.mask(logits)
            if logits.max() == -numpy.inf:
                return None
            token = self._pick(logits)
        return token

    def note(self, tokens: Iterable[int]) -> None:
        """``tokens`` were written; the penalties count them."""
        self._written.update(tokens)

    def _penalized(self, logits: Logits) -> Logits:
        logits = logits.copy()
        if self._presence or self._frequency:
            tokens = numpy.fromiter(self._written.keys(), dtype=numpy.int64)
            counts = numpy.fromiter(self._written.values(), dtype=numpy.float32)
            logits[tokens] -= counts * self._frequency + self._presence
        return logits

    def _pick(self, logits: Logits) -> int:
        if self._temperature <= 0:
            return int(logits.argmax())
        probabilities = numpy.exp(log_softmax(logits / numpy.float32(self._temperature)))
        order = numpy.argsort(-probabilities, kind="stable")
        reached = numpy.cumsum(probabilities[order])
        last = min(int(numpy.searchsorted(reached, self._top_p)), len(order) - 1)
        drawn = self._random.random() * reached[last]
        return int(order[min(int(numpy.searchsorted(reached, drawn, side="right")), last)])
