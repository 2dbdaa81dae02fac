"""PDF as blocks: the text of each page, through the package pypdf."""

from __future__ import annotations

import importlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from planloom.errors import MissingExtraError
from planloom.plugins.memory.errors import DocumentError
from planloom.plugins.memory.outline import Block, Outline

__all__ = ["pdf_blocks"]

# what pypdf lets through when a file is broken in a way that it did not foresee
BROKEN = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError)


def pdf_blocks(data: bytes, source: str) -> tuple[Block, ...]:
    """The blocks of a PDF, page by page.

    Raises:
        MissingExtraError: pypdf is not installed.
        DocumentError: the file is broken or encrypted, or its pages are pictures.
    """
    pypdf = _library()
    try:
        with _quiet():
            pages = _pages(pypdf, data, source)
    except (pypdf.errors.PyPdfError, *BROKEN) as error:
        raise DocumentError(source, f"it is no PDF that can be read ({error}).") from error
    outline = Outline()
    for number, text in enumerate(pages, 1):
        for paragraph in text.split("\n\n"):
            outline.add(paragraph, page=number)
    blocks = outline.finished()
    if not blocks:
        raise DocumentError(source, "it holds no text; are its pages scanned? Recognise their text first.")
    return blocks


def _pages(pypdf: Any, data: bytes, source: str) -> list[str]:
    reader = pypdf.PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError(source, "it is encrypted; save it without a password first.")
    return [page.extract_text() or "" for page in reader.pages]


@contextmanager
def _quiet() -> Iterator[None]:
    """pypdf logs every oddity that it reads past; what stops it is an error here."""
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _library() -> Any:
    try:
        return importlib.import_module("pypdf")
    except ImportError as error:
        raise MissingExtraError("pypdf", "memory", "Reading PDF files") from error
