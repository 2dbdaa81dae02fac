"""What a model writes around its plan: the plan is found in it, and what no plan needs is refused."""

from __future__ import annotations

import re

from planloom.planners.language.findings import Findings

__all__ = ["find_plan", "report_no_plan"]

POINTS = re.compile(
    r"<(?:!--|\?[a-z]|!(?:doctype|entity|element|attlist|notation)\b|plan(?=[\s/>]|\Z))", re.I
)
DECLARATION = re.compile(r"<\?xml\s[^<>?]*\?>")


def find_plan(start: int, findings: Findings) -> int | None:
    """Where the next ``<plan`` opens, from ``start`` on; None if there is none.

    Comments are passed over, and so is a ``<plan>`` that is only spoken of: words follow it, and then another
    ``<plan`` or nothing more. An XML declaration in front of the plan is harmless; other instructions and
    every DOCTYPE or entity are reported, once.
    """
    text = findings.source.text
    declared = reported = False
    comment_end = 0
    found = POINTS.search(text, start)
    while found:
        at, kind = found.start(), found[0].lower()
        after = found.end()
        if kind == "<plan":
            if not _is_only_mentioned(text, at):
                return at
        elif kind == "<!--":
            comment_end = text.find("-->", after) if comment_end >= 0 else -1
            after = max(after, comment_end + 3)
        elif start == 0 and not declared and DECLARATION.match(text, at):
            declared = True
        elif not reported:
            reported = True
            _refuse(kind, at, findings)
        found = POINTS.search(text, after)
    return None


def _refuse(kind: str, at: int, findings: Findings) -> None:
    what = "a processing instruction" if kind.startswith("<?") else "a DOCTYPE or declaration"
    findings.broken("forbidden-xml", f"{what} is not allowed around a plan", at, "write only the <plan>")


def _is_only_mentioned(text: str, at: int) -> bool:
    bracket = text.find("<", at + 1)
    end = text.find(">", at, bracket if bracket >= 0 else len(text))
    if end < 0 or text[end - 1] == "/":
        return False
    words = text[end + 1 : bracket] if bracket >= 0 else text[end + 1 :]
    return bool(words.strip()) and (bracket < 0 or _opens_plan(text, bracket))


def _opens_plan(text: str, at: int) -> bool:
    found = POINTS.match(text, at)
    return found is not None and found[0].lower() == "<plan"


def report_no_plan(findings: Findings) -> None:
    """Say that there is no plan, with a hint that fits what there is instead."""
    text = findings.source.text
    findings.broken("no-plan", "there is no <plan> in the text", 0, _hint(text.strip()))


def _hint(text: str) -> str:
    if not text:
        return "the text is empty; write <plan> … </plan>, or <plan/> if it cannot be done"
    if text.startswith(("{", "[", "```json")):
        return "this looks like JSON; a plan is XML: <plan><function.Skill.Name …/></plan>"
    if "<function" in text.lower():
        return "put the steps between <plan> and </plan>"
    return "write <plan> … </plan>, or <plan/> if it cannot be done with these functions"
