"""Documents: files read as blocks of text, whatever their format."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from planloom.plugins.memory.errors import DocumentError, DocumentTooLargeError, NotTextError
from planloom.plugins.memory.html import html_blocks
from planloom.plugins.memory.markdown import markdown_blocks
from planloom.plugins.memory.outline import Block, Outline
from planloom.plugins.memory.pdf import pdf_blocks

__all__ = ["SUFFIXES", "Document", "find_documents", "read_document"]

MARKDOWN = frozenset({".md", ".markdown"})
HTML = frozenset({".html", ".htm", ".xhtml"})
SUFFIXES = MARKDOWN | HTML | {".pdf", ".txt", ".text", ".rst"}
MAX_BYTES = 50_000_000
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its structure; ``source`` is its name in memory and in citations."""

    source: str
    blocks: tuple[Block, ...]


def find_documents(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """The files below ``folder`` with one of the endings, sorted; hidden ones and links are passed over.

    Raises:
        DocumentError: there is no such folder.
    """
    if not folder.is_dir():
        raise DocumentError(str(folder), "there is no such folder.")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not _is_hidden(path, folder) and path.is_file()
    )


def read_document(
    path: Path, source: str | None = None, *, max_bytes: int = MAX_BYTES, encoding: str | None = None
) -> Document:
    """Read a file, by its ending as Markdown, HTML or PDF, and any other as plain text.

    Args:
        path: the file.
        source: its name in memory; the path if left out.
        max_bytes: a larger file is refused before it is read.
        encoding: of text that is neither UTF-8 nor marked, such as "gb18030" or "latin-1".

    Raises:
        DocumentTooLargeError: it has more bytes.
        NotTextError: it is not text in that encoding.
        DocumentError: it cannot be read, or is a broken PDF.
        MissingExtraError: it is a PDF, and pypdf is not installed.
    """
    name = str(path) if source is None else source
    data = _bytes(path, name, max_bytes)
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        return Document(name, pdf_blocks(data, name))
    text = _text(data, name, encoding)
    if suffix in MARKDOWN:
        return Document(name, markdown_blocks(text))
    return Document(name, html_blocks(text) if suffix in HTML else _paragraphs(text))


def _bytes(path: Path, source: str, limit: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > limit:
            raise DocumentTooLargeError(source, size, limit)
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise DocumentError(source, f"it cannot be read: {error.strerror or error}.") from error
    if len(data) > limit:
        raise DocumentTooLargeError(source, len(data), limit)
    return data


def _text(data: bytes, source: str, encoding: str | None) -> str:
    marked = next((name for mark, name in BOMS if data.startswith(mark)), None)
    known = encoding or marked or "utf-8"
    try:
        text = data.decode(known)
    except (UnicodeError, LookupError) as error:
        raise NotTextError(
            source,
            f"it is not text in {known}. If it is text, name its encoding, as in encoding='gb18030'.",
        ) from error
    if "\0" in text:
        raise NotTextError(source, "it holds NUL characters, so it is no text.")
    return text


def _paragraphs(text: str) -> tuple[Block, ...]:
    outline, lines = Outline(), list[str]()
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append(line)
        else:
            outline.add("\n".join(lines))
            lines.clear()
    return outline.finished()


def _is_hidden(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_symlink() or any(part.startswith(".") for part in parts)
