"""From the text of a plan to its syntax tree, with everything that is wrong said at once."""

from __future__ import annotations

from dataclasses import dataclass

from planloom.planners.language.builder import TreeBuilder
from planloom.planners.language.characters import illegal_characters
from planloom.planners.language.diagnostic import Diagnostic
from planloom.planners.language.findings import Findings, Source
from planloom.planners.language.limits import Limits
from planloom.planners.language.markup import Cut, Markup
from planloom.planners.language.nodes import PlanTree
from planloom.planners.language.prose import find_plan, report_no_plan

__all__ = ["Reading", "read_plan"]

DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a text.

    ``tree`` is None when the text cannot be read as XML, holds no plan or several, or is over a limit. It may
    be there beside errors, so that the rest can be checked as well; a tree with errors is never to be run.
    """

    tree: PlanTree | None
    diagnostics: tuple[Diagnostic, ...]


def read_plan(text: str, limits: Limits = DEFAULT_LIMITS) -> Reading:
    """Read the plan in ``text``, which may stand among other words; never raises, whatever the text is."""
    findings = Findings(Source(text), limits.faults)
    tree = _read(findings, limits) if _has_fair_size(findings, limits) else None
    return Reading(None if findings.unreadable else tree, findings.sorted())


def _has_fair_size(findings: Findings, limits: Limits) -> bool:
    size = len(findings.source.text.encode("utf-8", "surrogatepass"))
    if size > limits.bytes:
        findings.stop(f"the text has {size:,} bytes, and {limits.bytes:,} are allowed", 0)
    return size <= limits.bytes


def _read(findings: Findings, limits: Limits) -> PlanTree | None:
    start = find_plan(0, findings)
    if start is None:
        report_no_plan(findings)
        return None
    markup, builder = Markup(start, findings, limits), TreeBuilder(findings, limits)
    cut = _feed(markup, builder, findings)
    if not findings.stopped:
        if cut or builder.depth:
            _report_missing_end(cut, builder, findings)
        else:
            _report_second_plan(markup.at, findings)
        _report_illegal_characters(start, markup.at, findings)
    if not builder.nodes and not findings.has_errors:
        hint = "with <plan/> a model says that it cannot be done with these functions"
        findings.error("empty-plan", "the plan has no steps", start, hint)
    return PlanTree(tuple(builder.nodes))


def _feed(markup: Markup, builder: TreeBuilder, findings: Findings) -> Cut | None:
    for token in markup.tokens():
        if isinstance(token, Cut):
            return token
        builder.take(token)
        if not builder.depth or findings.stopped:
            break
    return None


def _report_missing_end(cut: Cut | None, builder: TreeBuilder, findings: Findings) -> None:
    """A missing ``</plan>`` after complete elements is mended; everything else is a plan that was cut off."""
    text = findings.source.text
    offset = cut.offset if cut else len(text)
    if builder.depth == 1 and builder.nodes and (cut is None or _is_start_of_end(text[cut.offset :])):
        findings.warning(
            "truncated-plan", "the closing </plan> was missing", offset, "end the plan with </plan>"
        )
        return
    said = cut.message if cut else f"the text ends before </{builder.innermost}>"
    findings.broken(
        "truncated-plan", said, offset, "write the plan again, whole; was the token limit too low?"
    )


def _is_start_of_end(rest: str) -> bool:
    """Whether the text was cut within ``</plan>`` or the END comment."""
    rest = rest.rstrip().lower()
    comment = "".join(rest.split())
    return "</plan>".startswith(rest) or "<!--end-->".startswith(comment)


def _report_second_plan(end: int, findings: Findings) -> None:
    second = find_plan(end, findings)
    if second is not None:
        findings.broken("multiple-plans", "here a second <plan> begins", second, "write exactly one <plan>")


def _report_illegal_characters(start: int, end: int, findings: Findings) -> None:
    for offset in illegal_characters(findings.source.text, start, end):
        said = f"XML allows no character U+{ord(findings.source.text[offset]):04X}"
        findings.broken("xml-syntax", said, offset, "leave it out")
        if findings.stopped:
            return
