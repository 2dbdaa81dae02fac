"""What a docstring says of a function and of its parameters (Google, NumPy and Sphinx styles)."""

from __future__ import annotations

import inspect

__all__ = ["parameter_descriptions", "result_description", "summary"]

GOOGLE_HEADS = frozenset({"args:", "arguments:", "parameters:"})
SPHINX_PARAM = ":param "
MARKS = ("rgs:", "rguments:", "arameters", "ARGS:", "ARGUMENTS:", "PARAMETERS", SPHINX_PARAM)
SPHINX_RESULTS = (":return:", ":returns:")
RESULT_HEADS = frozenset({"returns:", "return:", "yields:"})


def summary(docstring: str | None) -> str:
    """The first paragraph on one line."""
    if not docstring:
        return ""
    words: list[str] = []
    for line in docstring.splitlines():
        if words and not line.strip():
            break
        words += line.split()
    return " ".join(words)


def parameter_descriptions(docstring: str | None) -> dict[str, str]:
    """Description by Python parameter name; empty when the docstring names none."""
    # most docstrings name no parameter, and registering must stay quick
    if not docstring or "\n" not in docstring or not any(mark in docstring for mark in MARKS):
        return {}
    lines = inspect.cleandoc(docstring).splitlines()
    found = _sphinx(lines)
    for number, line in enumerate(lines):
        if line.strip().lower() in GOOGLE_HEADS:
            found |= _google(lines[number + 1 :])
        elif line.strip() == "Parameters" and set("".join(lines[number + 1 : number + 2])) == {"-"}:
            found |= _numpy(lines[number + 2 :])
    return found


def result_description(docstring: str | None) -> str:
    """What the docstring says of the result, on one line; empty when it says nothing."""
    if not docstring:
        return ""
    lines = inspect.cleandoc(docstring).splitlines()
    for number, line in enumerate(lines):
        if line.startswith(SPHINX_RESULTS):
            return line[1:].partition(":")[2].strip()
        underlined = set("".join(lines[number + 1 : number + 2])) == {"-"}
        if line.strip().lower() in RESULT_HEADS or (line.strip() == "Returns" and underlined):
            return _paragraph(lines[number + 1 + underlined :])
    return ""


def _paragraph(lines: list[str]) -> str:
    """The lines up to the first empty one."""
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    return " ".join(" ".join(lines[:end]).split())


def _sphinx(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith(SPHINX_PARAM):
            head, _, text = line.removeprefix(SPHINX_PARAM).partition(":")
            found[head.split()[-1] if head.split() else ""] = text.strip()
    return found


def _google(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name, depth = "", 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent == 0:
            break
        head, colon, text = line.strip().partition(":")
        if colon and (not depth or indent <= depth):
            name, depth = head.split("(")[0].strip(), indent
            found[name] = text.strip()
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _numpy(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            break
        if line.strip() and not line.startswith(" "):
            name = line.partition(":")[0].strip()
            found[name] = ""
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
