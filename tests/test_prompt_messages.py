"""Rendered prompts as chat messages."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import TemplateError
from planloom.prompts import parse_messages


def messages(rendered: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in parse_messages(rendered)]


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ("", [("user", "")]),
        ("Hello\n", [("user", "Hello")]),
        ("a &lt; b &amp;&amp; c", [("user", "a < b && c")]),
        ("?a=1&copy=2 &nbsp; &", [("user", "?a=1&copy=2 &nbsp; &")]),
        ("&amp;lt;", [("user", "&lt;")]),
        (
            "<message role=\"system\">\n  Be brief.\n</message>\n<message role='user'>Hi</message>",
            [("system", "Be brief."), ("user", "Hi")],
        ),
        (
            'before\n<message role="assistant">a</message>\nbetween\n<message role="user">b</message>\nafter',
            [("user", "before"), ("assistant", "a"), ("user", "between"), ("user", "b"), ("user", "after")],
        ),
        ('<message role="user"></message>', [("user", "")]),
        ('<message\n role = "USER" >x > y</message>', [("user", "x > y")]),
        ('<message role="user">&#32;x&#10;</message>', [("user", " x\n")]),
        ('<message role="user"><text>one</text>\n <text> two </text></message>', [("user", "one\ntwo")]),
        ('<message role="user"><text>one</text> and more</message>', [("user", "<text>one</text> and more")]),
        ('<message role="user"><text>one</message>', [("user", "<text>one")]),
        ("Classify the <message> below: </message>", [("user", "Classify the <message> below: </message>")]),
        ("<messages>a</messages>", [("user", "<messages>a</messages>")]),
    ],
)
def test_messages(rendered: str, expected: list[tuple[str, str]]) -> None:
    assert messages(rendered) == expected


@pytest.mark.parametrize(
    ("rendered", "fault"),
    [
        ('x\n<message role="user">y', "Line 2: this <message> has no </message>"),
        ('<message role="user">a<message role="user">b</message></message>', "of its own"),
        ('<message role="tool">x</message>', "system, user, assistant"),
        ('<message role="">x</message>', "system, user, assistant"),
        ("<message role=user>x</message>", "system, user, assistant"),
        ('<message role="user" name="x">x</message>', "system, user, assistant"),
        ('<message role="user"><text>a</text><image>http://x</image></message>', "<image> is not supported"),
    ],
)
def test_is_wrong(rendered: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=fault):
        parse_messages(rendered)


FRAGMENTS = [
    "<message",
    ' role="user"',
    ">",
    "</message>",
    "<text>",
    "</text>",
    " ",
    "&lt;",
    "&",
    "x",
    "<image>",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)))
def test_any_text_is_messages_or_a_template_error(text: str) -> None:
    with suppress(TemplateError):
        assert parse_messages(text)


@pytest.mark.parametrize(
    "unit", ["<message ", "<message role=", '<message role="user">x</message>', "<text>", "&"]
)
def test_a_megabyte_is_read(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    with suppress(TemplateError):
        assert parse_messages(text)
