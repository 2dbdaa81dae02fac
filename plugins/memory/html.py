"""HTML as blocks: what a reader sees, without scripts, styles and markup."""

from __future__ import annotations

from html.parser import HTMLParser

from planloom.plugins.memory.outline import Block, Outline

__all__ = ["html_blocks"]

HEADINGS = {f"h{level}": level for level in range(1, 7)}
UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object"})
STANDING_ALONE = frozenset(
    {"p", "div", "section", "article", "table", "ul", "ol", "blockquote", "pre", "dl", "figure", "title"}
)
ON_A_LINE = frozenset(
    {"address", "aside", "body", "br", "caption", "dd", "details", "dt", "figcaption", "footer", "form"}
    | {"head", "header", "hr", "html", "legend", "li", "main", "nav", "summary", "tbody", "thead", "tr"}
)


def html_blocks(text: str) -> tuple[Block, ...]:
    """The blocks of an HTML page; markup that is wrong is read as browsers do, as far as it matters here."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    return reader.outline.finished()


class _Reader(HTMLParser):
    """Gathers text until an element that stands alone ends it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outline = Outline()
        self._parts: list[str] = []
        self._unseen: list[str] = []
        self._heading = 0
        self._is_code = self._is_table = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN:
            self._unseen.append(tag)
        if self._unseen:
            return
        if tag in HEADINGS or tag in STANDING_ALONE:
            self.flush()
        if tag in HEADINGS:
            self._heading = HEADINGS[tag]
        elif tag == "pre":
            self._is_code = True
        elif tag == "table":
            self._is_table = True
        elif tag == "li":
            self._parts.append("\n- ")
        elif tag in ON_A_LINE:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
            return
        if self._unseen:
            return
        if tag in HEADINGS or tag in STANDING_ALONE:
            self.flush()
        elif tag in ("td", "th"):
            self._parts.append(" | ")
        elif tag in ON_A_LINE:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(data if self._is_code else _on_one_line(data))

    def flush(self) -> None:
        """Make a block, or the heading that is open, of what was gathered."""
        text = "".join(self._parts)
        self._parts.clear()
        if self._heading:
            self.outline.heading(self._heading, text)
        elif self._is_code:
            self.outline.add(text, "code")
        else:
            lines = (" ".join(line.split()).removesuffix(" |") for line in text.splitlines())
            kept = "\n".join(line for line in lines if line and line != "-")
            self.outline.add(kept, "table" if self._is_table else "text")
        self._heading, self._is_code, self._is_table = 0, False, False


def _on_one_line(text: str) -> str:
    """Line ends in HTML are spaces."""
    return " ".join(text.splitlines()) + (" " if text.endswith("\n") else "")
