"""Diagnostics and the errors that carry them."""

from __future__ import annotations

import pytest

from planloom.errors import PlanloomError
from planloom.planners.errors import (
    AnswerCutError,
    InvalidGoalError,
    InvalidPlanError,
    NoPlanInAnswerError,
    PlanError,
    PlannerError,
    PlanNotPossible,
)
from planloom.planners.language.diagnostic import CODES, MEANINGS, Diagnostic
from planloom.planners.language.nodes import Place


def printed(text: str, line: int, column: int, hint: str = "") -> list[str]:
    found = Diagnostic.error("unknown-function", "there is no S.B", Place(line, column), hint)
    return str(PlanError((found,), text)).split("\n")


def test_every_code_is_documented_in_the_order_of_the_list() -> None:
    assert tuple(MEANINGS) == CODES
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_a_diagnostic_is_printed_as_a_compiler_does() -> None:
    assert printed("<plan>\n  <function.S.B/>\n</plan>", 2, 3, "did you mean S.A?") == [
        "plan:2:3: error[unknown-function]: there is no S.B",
        "      <function.S.B/>",
        "      ^",
        "  hint: did you mean S.A?",
    ]


def test_without_a_text_there_is_no_excerpt() -> None:
    assert printed("", 1, 1) == ["plan:1:1: error[unknown-function]: there is no S.B"]


@pytest.mark.parametrize("column", [1, 50, 99, 500, 999, 1000, 1001])
def test_a_long_line_is_cut_around_the_column(column: int) -> None:
    line = "".join(str(at % 10) for at in range(1, 1001))
    _, shown, caret = printed(f"x\n{line}\ny", 2, column)
    assert len(shown) <= 4 + 100 + 2
    assert caret.endswith("^")
    if column <= 1000:
        assert shown[len(caret) - 1] == str(column % 10)


def test_control_characters_are_made_visible_and_the_caret_still_fits() -> None:
    _, shown, caret = printed("a\t\x1b[31m\u202eb!", 1, 9)
    assert shown == "    a    \\x1b[31m\\u202eb!"
    assert shown[len(caret) - 1] == "b"
    printed("\ud800", 1, 1)[1].encode()


def test_wide_characters_count_twice_and_combining_ones_not_at_all() -> None:
    _, shown, caret = printed("赵e\u0301x!", 1, 5)
    assert shown == "    赵e\u0301x!"
    assert caret == "    " + " " * 4 + "^"


@pytest.mark.parametrize(("line", "column"), [(0, 0), (5, 1), (1, 0), (1, 10_000)])
def test_places_outside_the_text_do_no_harm(line: int, column: int) -> None:
    assert printed("<plan/>", line, column)[0].startswith("plan:")


def test_a_plan_error_tells_errors_from_warnings() -> None:
    error = Diagnostic.error("cycle", "a cycle", Place())
    warning = Diagnostic.warning("xml-syntax", "mended", Place(), "write &amp;")
    caught = PlanError((warning, error), "<plan/>", "lunch.xml")
    assert caught.errors == (error,)
    assert caught.diagnostics == (warning, error)
    assert caught.text == "<plan/>"
    assert "lunch.xml:1:1: warning[xml-syntax]: mended" in str(caught)
    assert isinstance(caught, PlanloomError)


@pytest.mark.parametrize(
    "kind", [InvalidGoalError, PlanNotPossible, AnswerCutError, NoPlanInAnswerError, InvalidPlanError]
)
def test_planner_errors_carry_what_they_are_about(kind: type[PlannerError]) -> None:
    found = Diagnostic.error("cycle", "a cycle", Place())
    error = kind("No plan.", goal="G", prompt="P", answer="<plan/>", diagnostics=[found])
    assert (error.goal, error.prompt, error.answer, error.diagnostics) == ("G", "P", "<plan/>", (found,))
    assert str(error).startswith("No plan.")
    assert isinstance(error, PlannerError)


def test_an_invalid_plan_is_shown_with_its_faults() -> None:
    found = Diagnostic.error("cycle", "a cycle", Place(1, 2))
    assert "^" in str(InvalidPlanError("No.", goal="G", answer="<plan/>", diagnostics=[found]))
