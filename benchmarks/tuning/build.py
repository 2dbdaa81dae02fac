"""Training sequences: functions once, then many goals over them with their drafts, or the other way round.

Run from benchmarks/:

``python -m tuning.build OUT.npz COUNT [--held-out]``

Goals of one sequence do not see each other: tokens carry the number of their goal (0 for the functions),
which becomes the mask of attention, and the position that they have when a planner asks for that goal alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy

from planloom.function import KernelFunction
from planloom.planners.drafting.copies import copied
from planloom.planners.drafting.prompt import NOTHING, draft_messages, goal_messages
from planloom.services import ChatMessage, LlamaService
from planloom.services.llama import _prompt_tokens
from tuning.catalogue import Catalogue, Function, kernel_functions, read_catalogue
from tuning.compose import Example, compose, draft_lines, from_goal
from tuning.hints import Hints

FOLDER = Path(__file__).parent / "catalogues"
# fmt: off
HELD_OUT = (
    "backups", "cemetery", "choir", "clinic", "code_licences", "crosswords", "fitness",
    "holidays_abroad", "hostel_desk", "maintenance", "network", "secret_messages", "smartwatch",
    "stamp_collection", "television", "tone_style",
)
# fmt: on
"""Catalogues that no training sees, to judge it by."""
A_SEQUENCE = 24
"""Goals."""
OTHERS = 0.06
"""The share of goals that are of functions which are not on offer."""
TOLD = 0.12
"""The share of goals that are learnt to be told from their drafts, instead of drafts for the goals."""
COMPOSED = 8
"""How many whole goals a catalogue must have for every second of its goals to be one of them."""
MOST_FUNCTIONS = 16
A_DRAFT, A_GOAL = 1, 2


@dataclass(frozen=True)
class Offer:
    """The functions on offer, some of another catalogue."""

    catalogue: Catalogue
    names: frozenset[str]
    functions: Sequence[KernelFunction]


def read_catalogues(*, held_out: bool) -> list[Catalogue]:
    files = sorted(FOLDER.glob("*.txt"))
    return [read_catalogue(file) for file in files if (file.stem in HELD_OUT) == held_out]


# -- offers ------------------------------------------------------------------------------------------------


def offer(catalogues: Sequence[Catalogue], random: Random) -> Offer:
    catalogue = random.choice(list(catalogues))
    own = catalogue.functions
    if random.random() < 0.35:
        own = _closed(random.sample(own, random.randint(4, len(own))), catalogue)
    chosen = [kernel_functions(catalogue)[each.name] for each in own]
    if random.random() < 0.35:
        other = random.choice([each for each in catalogues if each is not catalogue])
        skills = {each.skill for each in chosen}
        more = [each for each in kernel_functions(other).values() if each.skill not in skills]
        chosen += random.sample(more, min(len(more), random.randint(1, 6)))
    skills_order = list(dict.fromkeys(each.skill for each in chosen))
    random.shuffle(skills_order)
    chosen.sort(key=lambda each: skills_order.index(each.skill))
    return Offer(catalogue, frozenset(each.name for each in own), chosen[:MOST_FUNCTIONS])


def _closed(functions: Sequence[Function], catalogue: Catalogue) -> list[Function]:
    """With the functions that give what these take and no pool has, or what they look up."""
    chosen = {each.name for each in functions}
    grown = True
    while grown:
        grown = False
        for each in catalogue.functions:
            for taken in each.taken if each.name in chosen else ():
                givers = {function.name for function, _ in catalogue.givers(taken.kind)}
                wanted = taken.via or taken.kind not in catalogue.pools
                if wanted and givers and not givers & chosen:
                    chosen.add(min(givers))
                    grown = True
    return [each for each in catalogue.functions if each.name in chosen]


# -- examples ----------------------------------------------------------------------------------------------


def example(given: Offer, catalogues: Sequence[Catalogue], random: Random) -> Example | None:
    language = "zh" if random.random() < 0.3 else "en"
    if random.random() < OTHERS:
        return _impossible(given, catalogues, random, language)
    whole = given.catalogue.goals
    if random.random() < len(whole) / (len(whole) + COMPOSED):
        found = from_goal(random.choice(whole), given.catalogue, random)
        fits = all(call.function.name in given.names for call in found.calls)
        return found if fits else None
    return compose(given.catalogue, given.names, random, language)


def _impossible(
    given: Offer, catalogues: Sequence[Catalogue], random: Random, language: str
) -> Example | None:
    """A goal of functions that are not on offer."""
    other = random.choice(list(catalogues))
    offered = {each.full_name for each in given.functions}
    bare = {each.name.lower() for each in given.functions}
    names = {each.name for each in other.functions}
    found = compose(other, names, random, language)
    if found is None or not found.calls:
        return None
    main = found.calls[-1].function
    if main.name in offered or main.bare.lower() in bare:
        return None
    return Example(found.goal, found.inputs, (), language)


# -- tokens ------------------------------------------------------------------------------------------------


class Tokens:
    """Turns questions and answers into tokens as ``LlamaService`` does."""

    def __init__(self) -> None:
        self._service = LlamaService(prefix_bytes=0)
        self._engine = self._service._loaded()

    def asked(self, messages: Sequence[ChatMessage]) -> list[int]:
        return list(_prompt_tokens(self._engine, messages).tokens)

    def said(self, lines: Sequence[str]) -> list[int]:
        words = self._engine.vocabulary
        return [token for line in lines for token in words.tokenize(line)] + [words.end]


@dataclass(frozen=True)
class Exercise:
    """What is asked, what is to be said, and which of the two kinds it is: ``A_DRAFT`` or ``A_GOAL``."""

    asked: Sequence[int]
    said: Sequence[int]
    kind: int


def exercise(found: Example, given: Offer, tokens: Tokens, hints: Hints, random: Random) -> Exercise:
    lines = draft_lines(found.calls) or [NOTHING]
    if random.random() < TOLD:
        messages = goal_messages("".join(lines), given.functions)
        return Exercise(tokens.asked(messages), tokens.said([f"{copied(found.goal)}\n"]), A_GOAL)
    inputs = list(found.inputs)
    if "INPUT" not in inputs and random.random() < 0.4:
        inputs.insert(0, "INPUT")
    messages = draft_messages(found.goal, given.functions, inputs, hints.of(found, given.functions))
    return Exercise(tokens.asked(messages), tokens.said(lines), A_DRAFT)


def sequence(exercises: Sequence[Exercise]) -> dict[str, Any]:
    """Arrays of one length: token, position, goal, learnt.

    ``goal`` is the number of the exercise, 0 for what all share; ``learnt`` is its kind, 0 where nothing is
    to be learnt.
    """
    first = exercises[0].asked
    shared = min(_common(first, each.asked) for each in exercises)
    rows = [(token, place, 0, 0) for place, token in enumerate(first[:shared])]
    for number, each in enumerate(exercises, 1):
        asked = [(token, 0) for token in each.asked[shared:]]
        said = [(token, each.kind) for token in each.said]
        rows += [(token, place, number, kind) for place, (token, kind) in enumerate(asked + said, shared)]
    names = ("token", "position", "goal", "learnt")
    return dict(zip(names, map(numpy.array, zip(*rows, strict=True)), strict=True))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def main() -> None:
    """Write ``COUNT`` sequences of the catalogues for training, or with ``--held-out`` of the others."""
    out, count = Path(sys.argv[1]), int(sys.argv[2])
    catalogues = read_catalogues(held_out="--held-out" in sys.argv)
    random, tokens = Random(len(sys.argv) * 1000 + count), Tokens()
    hints = Hints(random)
    made: list[dict[str, Any]] = []
    while len(made) < count:
        given = offer(catalogues, random)
        drawn = (example(given, catalogues, random) for _ in range(3 * A_SEQUENCE))
        examples = [found for found in drawn if found is not None][:A_SEQUENCE]
        if len(examples) > 1:
            made.append(sequence([exercise(found, given, tokens, hints, random) for found in examples]))
    numpy.savez_compressed(
        out, **{f"{index}-{name}": row for index, each in enumerate(made) for name, row in each.items()}
    )
    learnt = sum(int((each["learnt"] > 0).sum()) for each in made)
    print(f"{count} sequences, {sum(len(each['token']) for each in made)} tokens, {learnt} learnt")


if __name__ == "__main__":
    main()
