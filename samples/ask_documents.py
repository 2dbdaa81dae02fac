"""Ask questions of a small folder of documents, English and Chinese, with the embedding model that ships.

No key, no server, no language model: the answers are sentences of the documents, with citations. A note in
the folder would like to be obeyed; it is read as text like the others.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from planloom import Kernel
from planloom.planners import Executor, Plan
from planloom.plugins.memory import FileStore, MemorySkill, SemanticTextMemory, ingest_sync
from planloom.services import EmbeddingService
from planloom.sync import run_sync

DOCUMENTS = Path(__file__).parent / "documents"
PLAN = """
<plan>
  <function.Memory.recall ask="$INPUT" limit="4" setContextVariable="PASSAGES"/>
  <function.Memory.answer question="$INPUT" passages="$PASSAGES" setContextVariable="ANSWER"/>
  <result name="ANSWER" value="$ANSWER.text"/>
  <result name="CITATIONS" value="$ANSWER.citations"/>
</plan>
"""
QUESTIONS = (
    "How many days of holiday do I have?",
    "面粉什么时候送到？",
    "What does error E-47 mean?",
    "无麸质蛋糕在哪里可以买到？",
)


def main(embed: EmbeddingService | None = None, folder: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        store = FileStore((folder or Path(scratch)) / "memory.db")
        memory = SemanticTextMemory(store, embed)
        report = ingest_sync(memory, "bakery", DOCUMENTS)
        print(f"read {report.documents} documents, {report.embedded} passages; {report.unchanged} known\n")

        kernel = Kernel()
        kernel.add_skill(MemorySkill(memory, "bakery"))
        plan = Plan.parse(PLAN, kernel)
        print(plan)
        for question in QUESTIONS:
            answer = Executor(kernel).run_sync(plan, {"INPUT": question}).variables["ANSWER"]
            print(f"\n{question}\n  {answer.text}")
            for citation in answer.citations:
                print(f"  [{citation.number}] {citation.source} {citation.heading}".rstrip())
        run_sync(store.close())


if __name__ == "__main__":
    main()
