"""Catalogues for tuning, read from their text form (FORMAT.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from planloom.function import KernelFunction
from planloom.parameter import REQUIRED, Parameter

__all__ = ["TEXT", "Catalogue", "Form", "Function", "Goal", "Pool", "Returned", "Taken", "read_catalogue"]

Form = Literal["do", "np", "q", "zdo", "znp", "zq"]
Language = Literal["en", "zh"]
TEXT = "text"
TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "list[str]": list[str]}
HEAD = re.compile(r"(?P<name>\w+\.\w+)\((?P<parameters>.*)\)(?P<rest>[^()]*)$")
PARAMETER = re.compile(
    r"(?P<name>\w+)(?P<optional>\??):\s*(?P<kind>\w+)(?:<(?P<via>\w+))?\s*"
    r'(?:=\s*(?P<default>"[^"]*"|[^"]*?)\s*)?(?P<note>"[^"]*")?\s*(?:,|$)'
)
RETURNED = re.compile(r'->\s*(?P<kind>\w+)\s+(?P<type>\{.*\}|[\w\[\]]+)\s*(?P<note>"[^"]*")?')


class FormatError(ValueError):
    """A catalogue's text is wrong."""


@dataclass(frozen=True)
class Pool:
    """Values of one kind: ``values`` are (as said, as passed), by language."""

    name: str
    type: str
    noun: Mapping[str, str]
    pronoun: Mapping[str, str]
    values: Mapping[str, Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Taken:
    """A parameter. ``via`` is a kind that people name instead, from which a function gives the wanted one."""

    name: str
    kind: str
    via: str = ""
    default: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Returned:
    """What a function gives; ``fields`` are the kinds and types of a record's fields."""

    kind: str
    type: str
    note: str = ""
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Function:
    """A function and how people ask for it."""

    name: str
    taken: Sequence[Taken]
    acts: bool
    returned: Returned | None
    description: str = ""
    patterns: dict[str, list[str]] = field(default_factory=dict)

    @property
    def bare(self) -> str:
        return self.name.partition(".")[2]


@dataclass
class Goal:
    """A whole goal with slots; ``steps`` are lines of its plan."""

    text: str
    inputs: Sequence[str]
    steps: list[str] = field(default_factory=list)


@dataclass
class Catalogue:
    """Functions, pools of values and goals of one subject."""

    name: str
    pools: dict[str, Pool] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def givers(self, kind: str) -> list[tuple[Function, str]]:
        """The functions that give a kind, and the field of their output that is of it ("" for all of it)."""
        return [(each, part) for each in self.functions for part in _parts(each.returned, kind)]


def _parts(returned: Returned | None, kind: str) -> Iterator[str]:
    if returned is None:
        return
    if returned.kind == kind and not returned.fields:
        yield ""
    yield from (name for name, (given, _) in returned.fields.items() if given == kind)
    if returned.kind == kind and returned.fields:
        yield ""


# -- reading ---------------------------------------------------------------------------------------------


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue in a file. Raises ``FormatError`` with the line."""
    catalogue = Catalogue(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            _read_line(catalogue, line)
        except (FormatError, KeyError, IndexError, ValueError) as error:
            raise FormatError(f"{path.name}:{number}: {error}: {line}") from error
    return catalogue


def _read_line(catalogue: Catalogue, line: str) -> None:
    word, _, rest = line.strip().partition(" ")
    if not line.strip() or line.startswith("#"):
        return
    if line.startswith("pool "):
        pool = _pool(rest)
        catalogue.pools[pool.name] = pool
    elif re.match(r"goal[ (]", line):
        catalogue.goals.append(_goal(line[4:]))
    elif line.startswith(">"):
        catalogue.goals[-1].steps.append(rest.strip())
    elif line.startswith(" ") and word in get_args(Form) and catalogue.functions[-1].description:
        catalogue.functions[-1].patterns.setdefault(word, []).append(rest.strip())
    elif line.startswith(" "):
        catalogue.functions[-1].description = line.strip()
    elif "(" in line:
        catalogue.functions.append(_function(line))


def _pool(text: str) -> Pool:
    head, *parts = [part.strip() for part in text.split("|")]
    name, _, kind = head.partition(" ")
    noun = {"en": name.replace("_", " "), "zh": name}
    pronoun: dict[str, str] = {}
    values: list[str] = []
    for part in parts:
        word, _, rest = part.partition(" ")
        if word in ("noun", "pron"):
            both = rest.rsplit(" ", 1) if not rest.isascii() else [rest, ""]
            target = noun if word == "noun" else pronoun
            target |= {language: said for language, said in zip(("en", "zh"), both, strict=False) if said}
        else:
            values.append(part)
    read = _enum_values if kind == "enum" else _plain_values
    return Pool(name, kind or "str", noun, pronoun, read(values))


def _plain_values(parts: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    listed = [
        [(value.strip(), value.strip().removeprefix("the ")) for value in part.split(";") if value.strip()]
        for part in parts
    ]
    return {"en": listed[0], "zh": listed[1] if len(listed) > 1 and listed[1] else listed[0]}


def _enum_values(parts: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {"en": [], "zh": []}
    for part in ";".join(parts).split(";"):
        value, *said = [each.strip() for each in part.split("=")]
        for language, words in zip(("en", "zh"), said, strict=False):
            found[language] += [(each.strip(), value) for each in re.split("[,，]", words) if each.strip()]
    return found


def _goal(text: str) -> Goal:
    declared = re.match(r"\(([^)]*)\)\s*", text)
    inputs = [name.strip() for name in declared[1].split(",")] if declared else []
    return Goal(text[declared.end() :] if declared else text.strip(), inputs)


def _function(line: str) -> Function:
    head, _, returned = line.partition("->")
    match = HEAD.match(head.strip())
    if match is None:
        raise FormatError("not a function")
    given = _returned("->" + returned) if returned else None
    return Function(match["name"], _parameters(match["parameters"]), "act" in match["rest"].split(), given)


def _parameters(text: str) -> list[Taken]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = PARAMETER.match(text, place)
        if match is None or match.end() == place:
            raise FormatError(f"not a parameter: {text[place:]}")
        default = match["default"].strip('"') if match["default"] is not None else None
        default = "" if match["optional"] and default is None else default
        note = (match["note"] or "").strip('"')
        found.append(Taken(match["name"], match["kind"], match["via"] or "", default, note))
        place = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    return found


def _returned(text: str) -> Returned:
    match = RETURNED.match(text.strip())
    if match is None:
        raise FormatError("not an output")
    fields: dict[str, tuple[str, str]] = {}
    if match["type"].startswith("{"):
        for part in match["type"].strip("{} ").split(","):
            name, _, rest = part.strip().partition(":")
            kind, _, kind_type = rest.strip().rpartition(" ")
            fields[name.strip()] = (kind or kind_type, kind_type if kind_type in TYPES else "str")
    return Returned(
        match["kind"], "record" if fields else match["type"], (match["note"] or "").strip('"'), fields
    )


# -- as planloom's functions -----------------------------------------------------------------------------


def kernel_functions(catalogue: Catalogue) -> dict[str, KernelFunction]:
    """The functions as a kernel has them, though they cannot be called."""
    records = {
        each.returned.kind: make_dataclass(
            each.returned.kind.title().replace("_", ""),
            [(name, TYPES[kind]) for name, (_, kind) in each.returned.fields.items()],
        )
        for each in catalogue.functions
        if each.returned and each.returned.fields
    }
    return {each.name: _as_kernel_function(each, catalogue, records) for each in catalogue.functions}


def _as_kernel_function(each: Function, catalogue: Catalogue, records: Mapping[str, Any]) -> KernelFunction:
    skill, _, name = each.name.partition(".")
    parameters = tuple(
        Parameter(
            taken.name,
            records.get(taken.kind) or _type_of(taken.kind, catalogue),
            taken.note,
            REQUIRED if taken.default is None else taken.default,
        )
        for taken in each.taken
    )
    returned = each.returned
    returns: Any = None
    if returned is not None:
        returns = records.get(returned.kind) or _output_type(returned, catalogue)
    return KernelFunction(
        skill,
        name,
        print,
        description=each.description,
        effect="write" if each.acts else "read",
        declared_parameters=parameters,
        declared_returns=returns if returns is not None else str,
    )


def _output_type(returned: Returned, catalogue: Catalogue) -> Any:
    """A list that no parameter takes as such is text, so that it may be passed on as text."""
    taken = any(taken.kind == returned.kind for function in catalogue.functions for taken in function.taken)
    is_text = returned.type.startswith("list") and (not taken or returned.kind in catalogue.pools)
    return str if is_text else TYPES.get(returned.type, str)


def _type_of(kind: str, catalogue: Catalogue) -> Any:
    pool = catalogue.pools.get(kind)
    if pool is not None and pool.type == "enum":
        values = dict.fromkeys(value for each in pool.values.values() for _, value in each)
        return Literal[tuple(values)]
    if pool is not None and pool.type in TYPES:
        return TYPES[pool.type]
    given = [part for function in catalogue.functions for part in _types(function.returned, kind)]
    return TYPES.get(given[0], str) if given else str


def _types(returned: Returned | None, kind: str) -> Iterator[str]:
    if returned is not None:
        if returned.kind == kind:
            yield returned.type
        yield from (given for name, given in returned.fields.values() if name == kind)
