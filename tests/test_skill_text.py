from __future__ import annotations

from typing import Any

import pytest

from planloom.errors import ArgumentError
from planloom.skills import TextSkill

text = TextSkill()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (text.trim("  a b \n"), "a b"),
        (text.trim_start("  a "), "a "),
        (text.trim_end("  a "), "  a"),
        (text.uppercase("straße"), "STRASSE"),
        (text.lowercase("ÀB"), "àb"),
        (text.length("赵本山"), 3),
        (text.length(""), 0),
        (text.echo(" {{$x}} $y "), " {{$x}} $y "),
        (text.concat("a", "b"), "ab"),
        (text.replace("Hello, USER_NAME.", "USER_NAME", "Steve"), "Hello, Steve."),
        (text.replace("a.b", ".", ""), "ab"),
        (text.split("a\nb"), ["a", "b"]),
        (text.split("a, b,", ","), ["a", " b", ""]),
        (text.split(""), [""]),
        (text.join(["a", "b"]), "a\nb"),
        (text.join([], ", "), ""),
        (text.contains("abc", "b"), True),
        (text.contains("abc", "B"), False),
        (text.starts_with("abc", "ab"), True),
        (text.starts_with("abc", "bc"), False),
        (text.ends_with("abc", "bc"), True),
        (text.ends_with("abc", "ab"), False),
    ],
)
def test_text(found: object, expected: object) -> None:
    assert found == expected


def test_a_number_handed_over_by_reference_is_taken_as_text() -> None:
    number: Any = 42
    assert text.concat(number, number) == "4242"
    assert text.length(number) == 2
    assert text.replace("a42", number, number) == "a42"


def test_replacing_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Text.replace: argument 'from' is empty"):
        text.replace("abc", "", "x")


def test_splitting_at_nothing_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Text.split: argument 'separator' is empty"):
        text.split("abc", "")
