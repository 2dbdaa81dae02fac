"""How well functions are found for published goals, and how fast: ``python benchmarks/retrieval.py``.

Field weights were tuned on the first half of the goals (shuffled, seed 0); the second half was only measured.
About 1.4 % of the first half's gold functions cannot be found by anyone: their goals are cut off in the data.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

from published import PublishedGoal, sealtools_catalogue, sealtools_goals

from planloom.planners.retrieval import FunctionIndex

DEPTHS = (5, 10, 20)


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


def main() -> int:
    try:
        functions, goals = sealtools_catalogue(), sealtools_goals()
    except FileNotFoundError as error:
        print(f"The published data are not there: {error.filename}")
        return 1
    started = time.perf_counter()
    index = FunctionIndex(functions)
    print(f"building over {len(functions)} functions: {time.perf_counter() - started:.2f} s")
    print("| goals | " + " | ".join(f"recall@{depth}" for depth in DEPTHS) + " | ms a goal |")
    print("|---|" + "---|" * (len(DEPTHS) + 1))
    for name, part in zip(("tuned on", "held out", "all"), (*halves(goals), goals), strict=True):
        started = time.perf_counter()
        found = [[hit.function.name for hit in index.search(goal.goal, max(DEPTHS))] for goal in part]
        pace = 1000 * (time.perf_counter() - started) / len(part)
        shown = " | ".join(f"{recall(found, part, depth):.1f} %" for depth in DEPTHS)
        print(f"| {name} ({len(part)}) | {shown} | {pace:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
