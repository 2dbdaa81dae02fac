"""Finding documents by words: BM25 over weighted fields, one sentence of the question at a time.

A goal often needs several functions, one for each of its sentences. Scored as a whole, the longest sentence
would crowd out the others; so every sentence is ranked by itself and the rankings are merged by rank.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from planloom.planners.retrieval.words import sentences, words

__all__ = ["Field", "Ranking", "WordIndex", "merged"]

Ranking = list[tuple[int, float]]
"""Documents by their number, with scores, best first."""

SATURATION = 1.2  # BM25's k1
COMMON_SHARE = 0.4
COMMON_COUNT = 50
WHOLE_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Field:
    """How much a field counts.

    ``weight`` is of one word in it, ``length_penalty`` is BM25's b for it, and ``coverage`` is what a
    document gains when the question holds all its words of this field.
    """

    weight: float = 1.0
    length_penalty: float = 0.5
    coverage: float = 0.0


class WordIndex:
    """An index over documents, each a mapping of field names to text; ``fields`` says how each counts."""

    def __init__(self, documents: Sequence[Mapping[str, str]], fields: Mapping[str, Field]) -> None:
        split = [{name: words(document.get(name, "")) for name in fields} for document in documents]
        self._rarity = _rarity(split)
        self._postings = _postings(split, fields, self._rarity)
        self._common = max(COMMON_COUNT, COMMON_SHARE * len(documents))

    def rarity(self, word: str) -> float:
        """How telling a word is: its inverse document frequency; 0 for a word that no document has."""
        return self._rarity.get(word, 0.0)

    def search(self, text: str, limit: int) -> Ranking:
        """At most ``limit`` documents for a question of any number of sentences."""
        parts = sentences(text)
        rankings = [(self.rank(part, limit), 1.0) for part in parts]
        if len(parts) > 1:
            rankings.append((self.rank(text, limit), WHOLE_WEIGHT))
        return merged(rankings, limit)

    def rank(self, text: str, limit: int) -> Ranking:
        """At most ``limit`` documents by BM25 for one sentence."""
        scores: dict[int, float] = {}
        for word in dict.fromkeys(words(text)):
            postings = self._postings.get(word, ())
            if len(postings) > self._common:
                continue  # too common to tell documents apart, and the costliest to add up
            for document, score in postings:
                scores[document] = scores.get(document, 0.0) + score
        return best(scores, limit)


def best(scores: Mapping[int, float], limit: int) -> Ranking:
    """The highest scores; equal ones in the order of the documents."""
    return nlargest(limit, scores.items(), key=lambda item: (item[1], -item[0]))


def merged(rankings: Sequence[tuple[Ranking, float]], limit: int) -> Ranking:
    """One ranking out of several, each with its weight.

    A document counts by its rank and by how close it comes to the best of that ranking; a ranking counts by
    how good its best is, so that a sentence about nothing ("I need some help.") takes no places.
    """
    top = max((ranking[0][1] for ranking, _ in rankings if ranking), default=0.0)
    scores: dict[int, float] = defaultdict(float)
    for ranking, weight in rankings:
        for rank, (document, score) in enumerate(ranking):
            first = ranking[0][1]
            scores[document] += weight * (first / top) * (score / first) ** 2 / (1 + rank)
    return best(scores, limit)


def _rarity(split: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, float]:
    counts = Counter(word for document in split for word in {w for ws in document.values() for w in ws})
    total = len(split)
    return {word: math.log(1 + (total - count + 0.5) / (count + 0.5)) for word, count in counts.items()}


def _postings(
    split: Sequence[Mapping[str, Sequence[str]]], fields: Mapping[str, Field], rarity: Mapping[str, float]
) -> dict[str, list[tuple[int, float]]]:
    means = {
        name: sum(len(document[name]) for document in split) / max(1, len(split)) or 1.0 for name in fields
    }
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, document in enumerate(split):
        gains = _coverage(document, fields, rarity)
        for word, frequency in _frequencies(document, fields, means).items():
            saturated = frequency * (SATURATION + 1) / (SATURATION + frequency)
            postings[word].append((number, rarity[word] * (saturated + gains.get(word, 0.0))))
    return dict(postings)


def _frequencies(
    document: Mapping[str, Sequence[str]], fields: Mapping[str, Field], means: Mapping[str, float]
) -> dict[str, float]:
    """How often each word occurs, weighted by field and length."""
    frequencies: dict[str, float] = defaultdict(float)
    for name, field in fields.items():
        penalty = field.length_penalty
        step = field.weight / (1 - penalty + penalty * len(document[name]) / means[name])
        for word in document[name]:
            frequencies[word] += step
    return frequencies


def _coverage(
    document: Mapping[str, Sequence[str]], fields: Mapping[str, Field], rarity: Mapping[str, float]
) -> dict[str, float]:
    """What each word gains, per unit of rarity, for the share of its field that it covers."""
    gains: dict[str, float] = defaultdict(float)
    for name, field in fields.items():
        if not field.coverage or not document[name]:
            continue
        distinct = set(document[name])
        whole = sum(rarity[word] for word in distinct)
        for word in distinct:
            gains[word] += field.coverage / whole
    return gains
