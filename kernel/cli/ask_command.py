"""Answer a question from a folder of documents, with citations, and show the plan that did it.

Text, Markdown, HTML and PDF are read with the embedding model that ships with planloom: no key, no server.
The first question reads the folder; later ones read only what changed. The answer is quoted word for word
from the documents, unless --model, --base-url or --words lets a language model put it into words.
"""

from __future__ import annotations

import hashlib
import json
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planloom.cli.errors import UsageError
from planloom.cli.exits import Exit
from planloom.cli.interrupt import run_interruptibly
from planloom.cli.model import service_for
from planloom.cli.options import add_json_argument, add_model_arguments, positive_int
from planloom.cli.progress import Progress
from planloom.cli.terminal import Terminal
from planloom.cli.text import inert_json, shown, to_plain
from planloom.kernel import Kernel
from planloom.planners import Executor, Plan, RunResult
from planloom.services.llama_files import cache_folder

if TYPE_CHECKING:
    from planloom.plugins.memory.answers import Answer, Citation
    from planloom.plugins.memory.ingestion import IngestProgress, IngestReport
    from planloom.plugins.memory.text_memory import SemanticTextMemory

__all__ = ["HELP", "NAME", "PLAN", "add_arguments", "run"]

NAME = "ask"
HELP = "answer a question from a folder of documents"

PLAN = """\
<plan>
  <function.Memory.recall ask="$INPUT" limit="$LIMIT" where="$WHERE" setContextVariable="PASSAGES"/>
  <function.Memory.answer question="$INPUT" passages="$PASSAGES" setContextVariable="ANSWER"/>
  <result name="ANSWER" value="$ANSWER.text"/>
  <result name="CITATIONS" value="$ANSWER.citations"/>
</plan>
"""
BAR = 20
EVERY = 20  # lines of progress for a folder, at most
NOTHING = "The documents hold nothing on that."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("question", help="the question, in any language that the documents are in")
    parser.add_argument("--docs", required=True, metavar="FOLDER", help="a folder of documents, or one")
    parser.add_argument(
        "--store", metavar="FILE", help="where what was read is kept (default: a file in the user's cache)"
    )
    parser.add_argument("--limit", type=positive_int, default=5, metavar="N", help="passages to answer from")
    parser.add_argument("--where", metavar="JSON", help="""a filter on metadata, as '{"page": {"lte": 3}}'""")
    parser.add_argument(
        "--words", action="store_true", help="let the embedded language model put the answer into words"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, and no plan")
    add_model_arguments(parser)
    add_json_argument(parser, "the answer, its citations and the plan as one JSON object")


def run(arguments: Namespace, terminal: Terminal) -> int:
    if not arguments.question.strip():
        raise UsageError("the question is empty.")
    return run_interruptibly(_ask(arguments, terminal), terminal)


async def _ask(arguments: Namespace, terminal: Terminal) -> int:
    from planloom.plugins.memory import FileStore, SemanticTextMemory

    where = _where(arguments.where)
    store = FileStore(_store_path(arguments))
    try:
        memory = SemanticTextMemory(store)
        collection = f"documents in {_docs_key(arguments)} by {memory.embed.name}"
        report = await _read(memory, collection, arguments, terminal)
        plan, result = await _run(memory, collection, arguments, where, terminal)
    finally:
        await store.close()
    if arguments.json:
        terminal.put_raw(inert_json(_as_json(plan, result, report)) + "\n")
    else:
        _show(result, terminal)
    return Exit.DONE


async def _read(
    memory: SemanticTextMemory, collection: str, arguments: Namespace, terminal: Terminal
) -> IngestReport:
    from planloom.plugins.memory.ingestion import IngestOptions, ingest

    bar = None if arguments.quiet else _Bar(terminal)
    report = await ingest(memory, collection, arguments.docs, options=IngestOptions(prune=True), progress=bar)
    for failure in report.failures:
        terminal.say(f"  passed over: {failure}")
    if not arguments.quiet:
        terminal.say(
            f"  {report.documents} documents: {report.embedded} passages read, {report.unchanged} known, "
            f"{report.removed} gone"
        )
    return report


async def _run(
    memory: SemanticTextMemory,
    collection: str,
    arguments: Namespace,
    where: Mapping[str, Any],
    terminal: Terminal,
) -> tuple[Plan, RunResult]:
    from planloom.plugins.memory import MemorySkill, model_answers

    kernel = Kernel()
    answer = None
    if arguments.words or arguments.model or arguments.base_url:
        kernel.add_service(service_for(arguments))
        answer = model_answers(kernel.complete)
    kernel.add_skill(MemorySkill(memory, collection, answer=answer))
    plan = Plan.parse(PLAN, kernel)
    if not arguments.quiet:
        terminal.say(f"the plan:\n{str(plan).rstrip()}")
    listeners = [] if arguments.quiet else [Progress(terminal)]
    variables = {"INPUT": arguments.question, "LIMIT": arguments.limit, "WHERE": where}
    return plan, await Executor(kernel, listeners=listeners).run(plan, variables)


def _where(text: str | None) -> Mapping[str, Any]:
    try:
        where = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--where: it is not JSON ({error}).") from error
    if not isinstance(where, dict):
        raise UsageError('--where: a JSON object is needed, as {"page": 3}.')
    return where


def _store_path(arguments: Namespace) -> str:
    if arguments.store:
        return str(arguments.store)
    folder = cache_folder() / "memory"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); name a file with --store.") from error
    return str(folder / f"{Path(arguments.docs).resolve().name}-{_docs_key(arguments)}.db")


def _docs_key(arguments: Namespace) -> str:
    """What tells one folder of documents from another: reading the one forgets nothing of the other."""
    return hashlib.sha256(os.fsencode(Path(arguments.docs).resolve())).hexdigest()[:12]


def _show(result: RunResult, terminal: Terminal) -> None:
    answer: Answer = result.variables["ANSWER"]
    terminal.put(answer.text if answer.found else NOTHING)
    for citation in answer.citations:
        terminal.put(f"  [{citation.number}] {_place(citation)}: {shown(_on_one_line(citation.text), 80)}")


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _place(citation: Citation) -> str:
    page = f", page {citation.page}" if citation.page else ""
    return f"{citation.source}{page}" + (f" ({citation.heading})" if citation.heading else "")


def _as_json(plan: Plan, result: RunResult, report: IngestReport) -> dict[str, object]:
    return {
        "answer": result.results["ANSWER"],
        "citations": to_plain(result.results["CITATIONS"]),
        "passages": to_plain(result.variables["PASSAGES"]),
        "documents": report.documents,
        "failures": [str(failure) for failure in report.failures],
        "plan": str(plan),
    }


class _Bar:
    """Shows how far the reading of a folder is, in lines that a log can hold too."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._shown = -1

    def __call__(self, progress: IngestProgress) -> None:
        done = progress.number - 1 + progress.passages / max(1, progress.of_passages)
        step = int(EVERY * done / progress.total)
        if step == self._shown:
            return
        self._shown = step
        full = "#" * int(BAR * done / progress.total)
        self._terminal.say(
            f"  reading [{full:.<{BAR}}] {progress.number}/{progress.total}  {progress.source}"
        )
