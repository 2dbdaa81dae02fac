"""Goals composed at random of a catalogue's patterns, each with the calls that are right for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from planloom.planners.choices.clauses import clauses
from planloom.planners.drafting.line_grammar import label
from tuning import phrases
from tuning.catalogue import TEXT, Catalogue, Function, Goal, Taken

__all__ = ["Call", "Example", "Ref", "compose", "from_goal"]

SLOT = re.compile(r"\{(\w+)\}")
OPTIONAL = re.compile(r"\[([^\]]*)\]")
DEEPEST = 2


@dataclass(frozen=True)
class Ref:
    """The output of a call, or a field of it."""

    call: Call
    part: str = ""


@dataclass(eq=False)
class Call:
    """A call; arguments are literals, inputs ("$name"), questions ("?") or outputs."""

    function: Function
    arguments: dict[str, str | Ref]
    wished: bool = False
    """Whether a clause of the goal asks for it, so that it has a line of its own."""


@dataclass(frozen=True)
class Example:
    """A goal, the names of its inputs, and the calls in order; no call means that it cannot be reached."""

    goal: str
    inputs: Sequence[str]
    calls: Sequence[Call]
    language: str


class Dead(Exception):
    """A slot cannot be filled here."""


@dataclass
class _Goal:
    """What has been said so far in one goal."""

    catalogue: Catalogue
    functions: Collection[str]
    random: Random
    language: str
    calls: list[Call] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    suffix: str = ""
    said: dict[str, str] = field(default_factory=dict)
    """The latest value of each kind."""
    latest: Call | None = None
    """What "it" is."""

    # -- clauses ---------------------------------------------------------------------------------------

    def clause(self, function: Function, form: str) -> str:
        """Words for a call of ``function``, which is added with what it needs."""
        pattern = self.random.choice(function.patterns[form])
        text, call = self.filled(function, pattern, 0)
        self.add(call).wished = True
        return text

    def filled(self, function: Function, pattern: str, depth: int) -> tuple[str, Call]:
        kept = OPTIONAL.sub(lambda match: match[1] if self.random.random() < 0.5 else "", pattern)
        slots = SLOT.findall(kept)
        arguments: dict[str, str | Ref] = {}
        words: dict[str, str] = {}
        for taken in function.taken:
            if taken.name in slots:
                before = kept.partition("{" + taken.name + "}")[0].rstrip()
                words[taken.name], arguments[taken.name] = self.value(taken, depth, before)
        return SLOT.sub(lambda match: words[match[1]], kept), Call(function, arguments)

    def add(self, call: Call) -> Call:
        """Make a call unless the same has been made; its own references are already there."""
        for made in self.calls:
            if made.function is call.function and made.arguments == call.arguments and not call.function.acts:
                self.latest = made
                return made
        self.calls.append(call)
        if call.function.returned is not None:
            self.latest = call
        return call

    # -- values ----------------------------------------------------------------------------------------

    def value(self, taken: Taken, depth: int, before: str) -> tuple[str, str | Ref]:
        """What is said for a parameter, and what is passed."""
        ways: list[tuple[float, Callable[[], tuple[str, str | Ref]]]] = []
        pool = self.catalogue.pools.get(taken.kind)
        if pool is not None:
            ways.append((4.0, lambda: self.literal(taken.kind)))
            if taken.kind in self.said and self.pronoun(taken.kind):
                ways.append((2.5, lambda: (self.pronoun(taken.kind), self.said[taken.kind])))
            if pool.type in ("str", "int", "float") and depth == 0:
                ways += [(0.12, lambda: self.asked(taken)), (0.15, lambda: self.declared(taken))]
        if taken.via:
            ways.append((8.0, lambda: self.looked_up(taken, depth)))
        if taken.kind == TEXT:
            ways += [(1.5, self.input), (2.0, lambda: self.message(before))]
        if self.latest is not None and (part := self.part_of(self.latest, taken.kind)) is not None:
            latest = self.latest
            ways.append(
                (9.0, lambda: (self.random.choice(phrases.RESULTS[self.language]), Ref(latest, part)))
            )
        if depth < DEEPEST and self.givers(taken.kind):
            ways.append((3.0 if depth == 0 else 1.0, lambda: self.nested(taken.kind, depth)))
        if not ways:
            raise Dead
        weights = [weight for weight, _ in ways]
        return self.random.choices([way for _, way in ways], weights)[0]()

    def literal(self, kind: str) -> tuple[str, str]:
        said, passed = self.random.choice(self.catalogue.pools[kind].values[self.language])
        self.said[kind] = passed
        return self.in_words(said), passed

    def in_words(self, said: str) -> str:
        """A whole number, sometimes in words."""
        words = phrases.NUMBERS[self.language].get(int(said)) if said.isdecimal() and len(said) < 4 else None
        return words if words and self.random.random() < 0.3 else said

    def pronoun(self, kind: str) -> str:
        return self.catalogue.pools[kind].pronoun.get(self.language, "")

    def asked(self, taken: Taken) -> tuple[str, str]:
        if self.suffix:
            raise Dead
        noun = self.catalogue.pools[taken.kind].noun.get(self.language, taken.name)
        self.suffix = self.random.choice(phrases.ASK_ME[self.language]).format(noun)
        return self.random.choice(phrases.UNKNOWN[self.language]).format(noun), "?"

    def declared(self, taken: Taken) -> tuple[str, str]:
        pool = self.catalogue.pools[taken.kind]
        noun = pool.noun.get("en", taken.name)
        name = self.random.choice([taken.name, taken.kind, noun.replace(" ", "_"), f"the_{taken.kind}"])
        if name in self.inputs:
            raise Dead
        self.inputs.append(name)
        words = name.replace("_", " ").removeprefix("the ")
        if self.language == "zh":
            words = pool.noun.get("zh", words) if self.random.random() < 0.6 else name
        return self.random.choice(phrases.DECLARED[self.language]).format(words), f"${name}"

    def input(self) -> tuple[str, str]:
        if "INPUT" not in self.inputs:
            self.inputs.append("INPUT")
        return self.random.choice(phrases.INPUTS[self.language]), "$INPUT"

    def message(self, before: str) -> tuple[str, str]:
        text = self.random.choice(phrases.MESSAGES[self.language])
        if self.language == "zh":
            return self.random.choice((f"“{text}”", text, f"“{text}”")), text
        if before.endswith((" tell", " know", " him", " her", " them", " me", "remind", "text", "}", "say")):
            return self.random.choice((f"that {text}", f"that {text}", f'"{text}"')), text
        return self.random.choice((f'"{text}"', f"'{text}'", f'"{text}"', text)), text

    def looked_up(self, taken: Taken, depth: int) -> tuple[str, str | Ref]:
        """A value of another kind is named, from which a function gives the wanted one."""
        ways = [
            (function, part, own)
            for function, part in self.givers(taken.kind)
            for own in function.taken
            if own.kind == taken.via and _required(function) <= {own.name}
        ]
        if not ways:
            raise Dead
        function, part, own = self.random.choice(ways)
        words, passed = self.value(own, depth + 1, "")
        return words, Ref(self.add(Call(function, {own.name: passed})), part)

    def nested(self, kind: str, depth: int) -> tuple[str, str | Ref]:
        """A noun phrase for another function's output."""
        form = "np" if self.language == "en" else "znp"
        ways = [(function, part) for function, part in self.givers(kind) if function.patterns.get(form)]
        if not ways:
            raise Dead
        function, part = self.random.choice(ways)
        words, call = self.filled(function, self.random.choice(function.patterns[form]), depth + 1)
        return words, Ref(self.add(call), part)

    def givers(self, kind: str) -> list[tuple[Function, str]]:
        """The functions on offer that give a kind, or any text."""
        if kind == TEXT:
            given = [
                (function, "")
                for function in self.catalogue.functions
                if function.returned is not None and not function.returned.fields
            ]
        else:
            given = self.catalogue.givers(kind)
        return [pair for pair in given if pair[0].name in self.functions]

    def part_of(self, call: Call, kind: str) -> str | None:
        return next((part for function, part in self.givers(kind) if function is call.function), None)


def _required(function: Function) -> set[str]:
    return {taken.name for taken in function.taken if taken.default is None}


# -- whole goals -------------------------------------------------------------------------------------------


def compose(
    catalogue: Catalogue, functions: Collection[str], random: Random, language: str
) -> Example | None:
    """A goal over the functions on offer; None if the dice gave none."""
    count = random.choices((1, 2, 3, 4), (48, 32, 14, 6))[0]
    goal = _Goal(catalogue, functions, random, language)
    try:
        text = _wishes(goal, count)
    except Dead:
        return None
    if len(goal.calls) > 8:
        return None
    if goal.suffix and text[-1:] in ".?!。？！":
        text = text[:-1]
    text = _finished(text + goal.suffix, goal)
    return Example(text, tuple(goal.inputs), tuple(goal.calls), language)


def _wishes(goal: _Goal, count: int) -> str:
    random, zh = goal.random, goal.language == "zh"
    offered = [each for each in goal.catalogue.functions if each.name in goal.functions]
    if count == 1 and random.random() < 0.45:
        asking = [each for each in offered if each.patterns.get("znp" if zh else "np")]
        if asking:
            return _question(goal, random.choice(asking))
    if count == 1 and random.random() < 0.15:
        return _both(goal, offered)
    clauses: list[str] = []
    for _ in range(count):
        usable = _continuing(goal, offered) if clauses and random.random() < 0.7 else offered
        function = random.choice(usable or offered)
        if not function.patterns.get("zdo" if zh else "do"):
            raise Dead
        clauses.append(goal.clause(function, "zdo" if zh else "do"))
    if count == 2 and random.random() < 0.2 and goal.latest is None:
        text = random.choice(phrases.TURNED[goal.language]).format(*clauses)
    else:
        text = clauses[0]
        for clause in clauses[1:]:
            text = random.choice(phrases.JOINED[goal.language]).format(text, clause)
    if count == 1 or random.random() < 0.4:
        text = random.choice(phrases.ASKING[goal.language]).format(text)
    return text


def _question(goal: _Goal, function: Function) -> str:
    zh = goal.language == "zh"
    form = "zq" if zh else "q"
    if function.patterns.get(form) and goal.random.random() < 0.6:
        return goal.clause(function, form)
    return goal.random.choice(phrases.TELLING[goal.language]).format(
        goal.clause(function, "znp" if zh else "np")
    )


def _both(goal: _Goal, offered: Sequence[Function]) -> str:
    """One wish for two values: two calls."""
    form = "zdo" if goal.language == "zh" else "do"
    ways = [
        (function, taken)
        for function in offered
        for taken in function.taken
        if taken.default is None and taken.kind in goal.catalogue.pools and function.patterns.get(form)
    ]
    if not ways:
        raise Dead
    function, taken = goal.random.choice(ways)
    values = goal.catalogue.pools[taken.kind].values[goal.language]
    if len({value for _, value in values}) < 2:
        raise Dead
    one, two = goal.random.sample(list(values), 2)
    if one[1] == two[1]:
        raise Dead
    pattern = goal.random.choice(function.patterns[form]).replace("{" + taken.name + "}", "\x00")
    text, call = goal.filled(function, pattern, 1)
    for _, value in (one, two):
        by_name = {**call.arguments, taken.name: value}
        names = [each.name for each in function.taken if each.name in by_name]
        goal.calls.append(Call(function, {name: by_name[name] for name in names}, wished=True))
    joined = "和" if goal.language == "zh" else " and "
    return text.replace("\x00", f"{one[0]}{joined}{two[0]}")


def _continuing(goal: _Goal, offered: Sequence[Function]) -> list[Function]:
    """The functions that can take what was given last, or what was named."""
    latest = goal.latest
    return [
        each
        for each in offered
        if any(
            (latest is not None and goal.part_of(latest, taken.kind) is not None) or taken.kind in goal.said
            for taken in each.taken
        )
    ]


def _finished(text: str, goal: _Goal) -> str:
    random = goal.random
    text = text[:1].upper() + text[1:] if random.random() < 0.85 else text
    if text[-1] not in ".?!。？！" and random.random() < 0.75:
        text += "。" if goal.language == "zh" else "."
    if random.random() < 0.08:
        text = random.choice(phrases.CONTEXTS[goal.language]).format(text)
    return text


# -- goals in free style -------------------------------------------------------------------------------------


def from_goal(goal: Goal, catalogue: Catalogue, random: Random) -> Example:
    """A goal of the catalogue with values in its slots."""
    language = (
        "en" if goal.text.replace("…", "").isascii() or not re.search("[\u3400-\u9fff]", goal.text) else "zh"
    )
    values: dict[str, tuple[str, str]] = {}

    def drawn(slot: str) -> tuple[str, str]:
        if slot not in values:
            pool = catalogue.pools[slot.rstrip("0123456789") if slot not in catalogue.pools else slot]
            used = {passed for _, passed in values.values()}
            free = [pair for pair in pool.values[language] if pair[1] not in used]
            values[slot] = random.choice(free or list(pool.values[language]))
        return values[slot]

    text = SLOT.sub(lambda match: drawn(match[1])[0], goal.text)
    calls: list[Call] = []
    for step in goal.steps:
        if step != "none":
            calls.append(_call(step, catalogue, calls, drawn))
    _mark_wished(calls, text)
    inputs = list(goal.inputs)
    if any("$INPUT" in step for step in goal.steps) and "INPUT" not in inputs:
        inputs.insert(0, "INPUT")
    return Example(text, tuple(inputs), tuple(calls), language)


def _mark_wished(calls: Sequence[Call], goal: str) -> None:
    """Mark the calls that have lines of their own: not those that one other call takes, as a look-up.

    In a goal of several clauses, what a text is made of is mostly wished for in a clause of its own.
    """
    for call in calls:
        kinds = [
            taken.kind
            for other in calls
            for taken in other.function.taken
            if isinstance(ref := other.arguments.get(taken.name), Ref) and ref.call is call
        ]
        inside = len(kinds) == 1 and (kinds[0] != TEXT or len(clauses(goal)) == 1)
        call.wished = call.function.acts or not inside


def _call(
    step: str, catalogue: Catalogue, calls: Sequence[Call], drawn: Callable[[str], tuple[str, str]]
) -> Call:
    name, _, rest = step.partition(" ")
    function = next(each for each in catalogue.functions if each.name == name)
    arguments: dict[str, str | Ref] = {}
    for part in rest.split(" | ") if rest.strip() else []:
        key, _, value = part.strip().partition("=")
        reference = re.fullmatch(r"\$(\d+)(?:\.(\w+))?", value)
        if reference:
            arguments[key] = Ref(calls[int(reference[1]) - 1], reference[2] or "")
        else:
            arguments[key] = SLOT.sub(lambda match: drawn(match[1])[1], value)
    known = {taken.name for taken in function.taken}
    if set(arguments) - known or _required(function) - set(arguments):
        raise ValueError(f"{catalogue.name}: {step}: arguments do not fit")
    return Call(
        function, {taken.name: arguments[taken.name] for taken in function.taken if taken.name in arguments}
    )


# -- as text -----------------------------------------------------------------------------------------------


def draft_lines(calls: Sequence[Call]) -> list[str]:
    """The calls as the model writes them: those that are wished for a line each, with others inside them."""
    labels: dict[int, str] = {}
    lines = []
    for call in calls:
        if call.wished:
            lines.append(_written(call, labels) + "\n")
            labels[id(call)] = label(call.function.bare, labels.values())
    return lines


def _written(call: Call, labels: Mapping[int, str]) -> str:
    arguments = [f"{name}={_shown(value, labels)}" for name, value in call.arguments.items()]
    return " ".join([call.function.name, *arguments])


def _shown(value: str | Ref, labels: Mapping[int, str]) -> str:
    if isinstance(value, Ref):
        known = labels.get(id(value.call))
        given = f"${known}" if known else f"({_written(value.call, labels)})"
        return given + (f".{value.part}" if value.part else "")
    if value == "?" or value.startswith("$"):
        return value
    return f'"{value}"'
