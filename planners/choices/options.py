"""What a parameter may be for a clause: texts of the goal, inputs, earlier outputs, look-ups, a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log

from planloom.annotation import takes_text
from planloom.parameter import Parameter
from planloom.planners.choices.clauses import Piece, mentions, pieces, points_back
from planloom.planners.choices.draft import Asked, Given, Literal, Output, Source
from planloom.planners.choices.fields import field_for
from planloom.planners.choices.han import is_han, numerals, spans
from planloom.planners.choices.judge import Judge, label
from planloom.planners.choices.nearness import Nearness
from planloom.planners.kinds import fits, is_record
from planloom.planners.language.variables import INPUT, variable_key
from planloom.planners.literals import choices_of, reads
from planloom.planners.retrieval.words import FUNCTION_WORDS, words

__all__ = ["PENDING", "Flow", "Option", "Options"]

# Natural logarithms, beside those of texts of the goal: 0 is certain, -3 still convinces, -6 is far-fetched.
NAMED = 0.0
"""An input that is called like the parameter."""
CONVINCING = -3.0
"""Below this, a text in another part of the goal may be meant."""
ELSEWHERE = -1.0
"""What a text loses that stands in another part of the goal."""
OPTIONAL = -3.0
"""Below this, a parameter with a default keeps it."""
ASKED = -5.0
"""Nothing that the goal says is likelier than this, so the user is asked."""
HANDED_ON = -5.5
"""What flows to the call, where no word of the clause points to it."""
PENDING = 3.0
"""What using a value is worth that would be lost otherwise: an unused output, an input that is mentioned."""
ARTICLE = 1.5
ECHOED = 1.0
"""What a text loses that begins with an article or the like, or also says the parameter's name."""
KEPT = 6
COUNTED = -2.0
"""A number in Chinese characters."""
MARKED = -2.4
"""A word in Latin letters in a Chinese sentence: a name, most likely."""
NEAREST = -2.5
NEAR = 60.0
"""The Chinese text that is nearest to what the parameter is, and what a cosine is worth beside it."""


@dataclass(frozen=True)
class Option:
    """One way to fill a parameter; ``score`` is a log-likelihood, ``pieces`` the texts that it uses up."""

    source: Source | None
    score: float
    pieces: tuple[Piece, ...] = ()

    @property
    def text(self) -> str:
        """The one text that it uses up."""
        return self.pieces[0].text if len(self.pieces) == 1 else ""


@dataclass(frozen=True)
class Flow:
    """The value that "it" means after some calls.

    ``worth`` is what taking it is worth to the next call: more than 0 if it would be lost otherwise.
    ``hides`` are inputs that went into it, and that the clause has no more use for.
    """

    source: Source | None
    worth: float = 0.0
    hides: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Options:
    """Finds the options of parameters, for one goal."""

    judge: Judge
    clauses: Sequence[Piece]
    inputs: Sequence[str]
    nearness: Nearness | None = None

    async def of(
        self, parameter: Parameter, clause: Piece, flow: Flow, looked_up: Sequence[Option]
    ) -> list[Option]:
        """The best options, and at the end the one that is always there: ask, or keep the default."""
        said = await self._said(parameter, clause)
        found = [*self._given(parameter, said, flow), *self._handed_on(parameter, flow, said)]
        found += [option for option in said if self._is_literal(option)]
        if not any(option.score == NAMED for option in found):
            found += looked_up
        if parameter.required and max((option.score for option in found), default=ASKED) < CONVINCING:
            found += await self._elsewhere(parameter, clause)
        ranked = sorted(found, key=lambda option: -option.score)[:KEPT]
        asked = Option(Asked(f"{label(parameter)}?"), ASKED)
        return [*ranked, asked if parameter.required else Option(None, OPTIONAL)]

    async def literals(self, parameter: Parameter, clause: Piece) -> list[Option]:
        """The texts of a clause that stand for themselves, best first."""
        return [option for option in await self._said(parameter, clause) if self._is_literal(option)]

    async def _said(self, parameter: Parameter, sentence: Piece) -> list[Option]:
        """Every text of a sentence that the parameter's type takes, best first."""
        closed = choices_of(parameter)
        if closed:
            return await self._closed(parameter, sentence, closed)
        found = [
            piece
            for piece in pieces(sentence)
            if takes_text(parameter.annotation) or reads(parameter, piece.text)
        ]
        if is_han(sentence.text):
            return await self._said_in_han(parameter, sentence, found)
        return await self._likely(parameter, sentence, found)

    async def _said_in_han(
        self, parameter: Parameter, sentence: Piece, found: Sequence[Piece]
    ) -> list[Option]:
        """The texts of a Chinese sentence: a small model cannot copy its characters, so nearness tells."""
        if not takes_text(parameter.annotation):
            counted = [
                Option(Literal(str(value)), COUNTED, (piece,))
                for piece, value in numerals(sentence)
                if reads(parameter, str(value))
            ]
            return [*await self._likely(parameter, sentence, found), *counted]
        if self.nearness is None:
            return await self._likely(parameter, sentence, found)
        marked = [piece for piece in found if not is_han(piece.text)]
        latin = [
            Option(option.source, max(option.score, MARKED), option.pieces)
            for option in await self._likely(parameter, sentence, marked)
        ]
        runs = list({piece.text: piece for piece in spans(sentence)}.values())
        cosines = await self.nearness.to(label(parameter), [piece.text for piece in runs])
        best = max(cosines, default=0.0)
        near = [
            Option(Literal(piece.text), NEAREST - NEAR * (best - cosine), (piece,))
            for piece, cosine in zip(runs, cosines, strict=True)
        ]
        return sorted([*latin, *near], key=lambda option: -option.score)

    async def _likely(self, parameter: Parameter, sentence: Piece, found: Sequence[Piece]) -> list[Option]:
        """Texts as values of a parameter, as likely as the model finds them."""
        if not found:
            return []
        texts = [piece.text for piece in found]
        scores = await self.judge.values(sentence.text, label(parameter), texts)
        options = [
            Option(Literal(piece.text), score - self._surplus(piece.text, parameter), (piece,))
            for piece, score in zip(found, scores, strict=True)
        ]
        return sorted(options, key=lambda option: -option.score)

    async def _closed(self, parameter: Parameter, sentence: Piece, texts: Sequence[str]) -> list[Option]:
        """The members of a closed type; they are likely only in comparison with each other."""
        scores = await self.judge.values(sentence.text, label(parameter), texts)
        if self.nearness is not None:
            cosines = await self.nearness.to(sentence.text, texts)
            scores = [score + NEAR * cosine for score, cosine in zip(scores, cosines, strict=True)]
            scores = [score - max(scores) for score in scores]
        whole = log(sum(exp(score) for score in scores))
        options = [Option(Literal(text), score - whole) for text, score in zip(texts, scores, strict=True)]
        return sorted(options, key=lambda option: -option.score)

    def _is_literal(self, option: Option) -> bool:
        """Whether a text stands for itself, and neither points back nor names an input."""
        return not points_back(option.text) and not self._is_input(option.text)

    def _is_input(self, text: str) -> bool:
        return any(mentions(text, name) for name in self.inputs)

    def _surplus(self, text: str, parameter: Parameter) -> float:
        """What a text loses by words beside the value: an article, or the parameter's name."""
        if self._is_input(text):
            return 0.0
        said, named = set(words(text)), set(words(parameter.name))
        first, _, rest = text.partition(" ")
        echoes = bool(said & named) and not said <= named
        return ECHOED * echoes + ARTICLE * (bool(rest) and first.lower() in FUNCTION_WORDS)

    async def _elsewhere(self, parameter: Parameter, clause: Piece) -> list[Option]:
        """Texts of the other clauses, where this one has nothing that convinces."""
        found: list[Option] = []
        for other in self.clauses:
            if other != clause:
                found += [option for option in await self._said(parameter, other) if self._is_literal(option)]
        return [Option(option.source, option.score + ELSEWHERE, option.pieces) for option in found]

    def _given(self, parameter: Parameter, said: Sequence[Option], flow: Flow) -> Iterator[Option]:
        """Inputs that are called like the parameter, and those that the clause mentions."""
        for name in self.inputs:
            if name in flow.hides:
                continue
            mentioned = [option for option in said if mentions(option.text, name)]
            same = variable_key(name) == variable_key(parameter.name)
            if same and variable_key(name) != variable_key(INPUT):
                yield Option(Given(name), NAMED)
            elif mentioned:
                yield Option(Given(name), mentioned[0].score + PENDING, mentioned[0].pieces)

    def _handed_on(self, parameter: Parameter, flow: Flow, said: Sequence[Option]) -> Iterator[Option]:
        """What flows to the call, as likely as the pronoun that may stand for it."""
        source = _as_taken(flow.source, parameter)
        if source is not None:
            pointing = [option for option in said if points_back(option.text)]
            best = max([Option(source, HANDED_ON), *pointing], key=lambda option: option.score)
            yield Option(source, best.score + flow.worth, best.pieces)


def _as_taken(source: Source | None, parameter: Parameter) -> Source | None:
    """The source, or the field of it, that a parameter takes; None if it takes neither."""
    if isinstance(source, Given):
        return source if takes_text(parameter.annotation) else None
    if not isinstance(source, Output):
        return None
    returned = source.call.function.returns
    field = field_for(returned, parameter)
    if field is not None:
        return Output(source.call, field)
    text_of_record = is_record(returned) and takes_text(parameter.annotation)
    return source if fits(returned, parameter.annotation) and not text_of_record else None
