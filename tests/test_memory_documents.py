"""Documents: reading every format, what cannot be read, and cutting into passages."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planloom.plugins.memory.documents import Document, find_documents, read_document
from planloom.plugins.memory.errors import DocumentError, DocumentTooLargeError, NotTextError
from planloom.plugins.memory.html import html_blocks
from planloom.plugins.memory.markdown import markdown_blocks
from planloom.plugins.memory.outline import Block
from planloom.plugins.memory.splitter import split_document

MARKDOWN = """\
Before any heading.

# Guide #

Install it
with pip.

## Linux

```sh
# not a heading

make
```

| name | use |
|------|-----|
| a    | b   |

Setext
------
- one
- two

# Empty
# 使用说明
第一段。
"""


def test_markdown() -> None:
    assert markdown_blocks(MARKDOWN) == (
        Block("Before any heading."),
        Block("Install it\nwith pip.", ("Guide",)),
        Block("```sh\n# not a heading\n\nmake\n```", ("Guide", "Linux"), "code"),
        Block("| name | use |\n|------|-----|\n| a    | b   |", ("Guide", "Linux"), "table"),
        Block("- one\n- two", ("Guide", "Setext")),
        Block("Empty"),
        Block("第一段。", ("使用说明",)),
    )


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("#hashtag", [Block("#hashtag")]),
        ("####### seven", [Block("####### seven")]),
        ("    # code", [Block("# code")]),
        ("a\n---\nb", [Block("b", ("a",))]),
        ("---\na", [Block("---\na")]),
        ("```\nnever closed", [Block("```\nnever closed", (), "code")]),
        ("````\n```\n````\nx", [Block("````\n```\n````", (), "code"), Block("x")]),
        ("# A\n### B\n## C\nx", [Block("B", ("A",)), Block("x", ("A", "C"))]),
        ("# A\n## B", [Block("B", ("A",))]),
        ("", []),
        ("\n\n \n", []),
    ],
)
def test_markdown_corners(text: str, blocks: list[Block]) -> None:
    assert list(markdown_blocks(text)) == blocks


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="#-=`~ \nab中|", max_size=60))
def test_no_word_of_markdown_is_lost(text: str) -> None:
    kept = "".join(f"{' '.join(block.heading)} {block.text}" for block in markdown_blocks(text))
    assert {mark for mark in text if mark.isalpha()} <= set(kept)


HTML = """\
<!doctype html><html><head><title>Shop</title><style>p { color: red }</style>
<script>alert("ignored < text")</script></head>
<body><h1>Opening <em>hours</em></h1>
<p>We open at&nbsp;9 &amp; close
at 17.<br>Closed on Sundays.</p>
<ul><li>Mon</li><li>Tue</li></ul>
<table><tr><th>Day</th><th>Hour</th></tr><tr><td>Mon</td><td>9</td></tr></table>
<pre>a
  b</pre><h2>地址</h2><div>北京<noscript>no</noscript></div>tail
"""


def test_html() -> None:
    assert html_blocks(HTML) == (
        Block("Shop"),
        Block("We open at 9 & close at 17.\nClosed on Sundays.", ("Opening hours",)),
        Block("- Mon\n- Tue", ("Opening hours",)),
        Block("Day | Hour\nMon | 9", ("Opening hours",), "table"),
        Block("a\n  b", ("Opening hours",), "code"),
        Block("北京", ("Opening hours", "地址")),
        Block("tail", ("Opening hours", "地址")),
    )


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/!-pha1 &;\"'=", max_size=80))
def test_any_html_is_read(text: str) -> None:
    html_blocks(text)


def test_deep_html_is_read() -> None:
    assert html_blocks("<div>" * 50_000 + "x") == (Block("x"),)


def test_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n\n\n三\r\n", encoding="utf-8")
    assert read_document(path, "a.txt") == Document("a.txt", (Block("one\ntwo"), Block("三")))
    assert read_document(path).source == str(path)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (codecs.BOM_UTF8 + "中文".encode(), None),
        ("中文".encode("utf-16"), None),
        ("中文".encode("utf-32"), None),
        ("中文".encode("gb18030"), "gb18030"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, encoding: str | None) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert read_document(path, encoding=encoding).blocks == (Block("中文"),)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(b"\x89PNG\r\n\xff\xfe", None), ("中文".encode("gb18030"), None), (b"a\0b", None), (b"abc", "no-such")],
)
def test_a_file_that_is_not_text(tmp_path: Path, data: bytes, encoding: str | None) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(data)
    with pytest.raises(NotTextError, match=r"picture\.txt") as caught:
        read_document(path, "picture.txt", encoding=encoding)
    assert caught.value.source == "picture.txt"


def test_a_file_of_one_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(DocumentTooLargeError, match="1,000,000,000") as caught:
        read_document(path)
    assert caught.value.size == 1_000_000_000


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        read_document(tmp_path / "missing.txt")
    with pytest.raises(DocumentError):
        read_document(tmp_path)


def test_documents_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.TXT", "a/.hidden/x.md", ".git.md", "x.png", "y.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    os.symlink(tmp_path / "b.md", tmp_path / "link.md")
    names = [path.relative_to(tmp_path).as_posix() for path in find_documents(tmp_path)]
    assert names == ["a/c.TXT", "b.md", "y.html"]
    with pytest.raises(DocumentError, match="no such folder"):
        find_documents(tmp_path / "missing")


# -- PDF -----------------------------------------------------------------------------------------------------


def pdf_of(*pages: str) -> bytes:
    """A PDF with a line of ASCII text on each page, written by hand."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    data, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        data + f"xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    ).encode()


def test_pdf(tmp_path: Path) -> None:
    pytest.importorskip("pypdf", reason="the package pypdf is not installed")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of("The first page.", "The second page."))
    assert read_document(path).blocks == (
        Block("The first page.", page=1),
        Block("The second page.", page=2),
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "PDF"), (b"not a pdf", "PDF"), (pdf_of("")[:200], "PDF"), (pdf_of(""), "scanned")],
)
@pytest.mark.filterwarnings("ignore")
def test_a_pdf_that_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes, says: str
) -> None:
    pytest.importorskip("pypdf", reason="the package pypdf is not installed")
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=says):
        read_document(path)
    assert not caplog.records


# -- passages ------------------------------------------------------------------------------------------------


def words_in(text: str) -> int:
    return len(text.split())


def letters_in(text: str) -> int:
    return len(text)


def test_passages_follow_the_structure() -> None:
    document = Document("x", markdown_blocks("# A\none two\n\nthree\n\nfour five six\n# B\nseven"))
    passages = split_document(document, 3, words_in)
    assert [(p.text, p.heading) for p in passages] == [
        ("one two\n\nthree", ("A",)),
        ("four five six", ("A",)),
        ("seven", ("B",)),
    ]


def test_passages_do_not_cross_pages() -> None:
    document = Document("x", (Block("a", page=1), Block("b", page=1), Block("c", page=2)))
    assert [(p.text, p.page) for p in split_document(document, 9, words_in)] == [("a\n\nb", 1), ("c", 2)]


def test_long_paragraphs_are_cut_at_sentences_in_both_languages() -> None:
    english = Document("x", (Block("One two three. Four five! Six seven eight nine."),))
    assert [p.text for p in split_document(english, 5, words_in)] == [
        "One two three. Four five! ",
        "Six seven eight nine.",
    ]
    chinese = Document("x", (Block("今天天气好。我们去公园！明天下雨吗？"),))
    assert [p.text for p in split_document(chinese, 12, letters_in)] == [
        "今天天气好。我们去公园！",
        "明天下雨吗？",
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab 中。.\n,;", max_size=200), st.integers(1, 30))
def test_passages_fit_and_lose_nothing(text: str, limit: int) -> None:
    passages = split_document(Document("x", (Block(text),)), limit, letters_in)
    assert all(len(passage.text) <= limit for passage in passages)
    assert [c for p in passages for c in p.text if not c.isspace()] == [c for c in text if not c.isspace()]


def test_a_megabyte_without_a_border_is_cut_too() -> None:
    document = Document("x", (Block("x" * 1_000_000),))
    assert all(len(p.text) <= 1000 for p in split_document(document, 1000, letters_in))


def test_no_passage_of_no_tokens() -> None:
    with pytest.raises(ValueError, match="max_tokens"):
        split_document(Document("x", ()), 0, words_in)
