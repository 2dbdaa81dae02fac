"""What an evaluation found: one outcome for each goal and contender, and summaries of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

from planloom.errors import MissingExtraError
from planloom.planners.evaluation.goals import Goal
from planloom.planners.evaluation.plan_score import PlanScore

__all__ = ["Outcome", "Report", "Summary"]


@dataclass(frozen=True)
class Outcome:
    """How one contender did on one goal.

    ``error`` is the kind of the error when there is no plan. ``result`` says that a run of the plan gives
    what was expected. ``calls`` are calls of a model.
    """

    goal: Goal
    strategy: str
    service: str
    plan: str
    error: str
    valid: bool
    score: PlanScore
    result: bool
    calls: int
    prompt_tokens: int
    output_tokens: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain JSON data; the goal by its id."""
        fields = asdict(self) | {"goal": self.goal.id}
        return fields | {"score": asdict(self.score) | {"f1": self.score.f1}}


@dataclass(frozen=True)
class Summary:
    """Means over a group of outcomes: shares from 0 to 1, and tokens, calls and seconds for one plan."""

    group: tuple[str, ...]
    goals: int
    valid: float
    precision: float
    recall: float
    f1: float
    structure: float
    arguments: float
    whole: float
    result: float
    calls: float
    prompt_tokens: float
    output_tokens: float
    seconds: float


SHARES = ("valid", "precision", "recall", "f1", "structure", "arguments", "whole", "result")
COUNTS = ("calls", "prompt_tokens", "output_tokens", "seconds")


def _length(goal: Goal) -> str:
    if goal.impossible:
        return "impossible"
    return "1-3 steps" if goal.steps <= 3 else "4+ steps"


GROUPS: Mapping[str, Callable[[Outcome], Iterable[str]]] = {
    "strategy": lambda outcome: [outcome.strategy],
    "service": lambda outcome: [outcome.service],
    "split": lambda outcome: [outcome.goal.split],
    "language": lambda outcome: [outcome.goal.language],
    "catalogue": lambda outcome: [outcome.goal.catalogue],
    "length": lambda outcome: [_length(outcome.goal)],
    "tag": lambda outcome: outcome.goal.tags or ["-"],
}


@dataclass(frozen=True)
class Report:
    """All outcomes of an evaluation."""

    outcomes: tuple[Outcome, ...]

    def summaries(self, by: Sequence[str] = ("strategy", "service")) -> list[Summary]:
        """One summary for each group, in the order in which they first come.

        ``by`` names any of strategy, service, split, language, catalogue, length and tag. An outcome with
        several tags counts in each of them.

        Raises:
            ValueError: there is no such grouping.
        """
        if unknown := set(by) - set(GROUPS):
            raise ValueError(f"Outcomes group by {', '.join(GROUPS)}, not by {', '.join(sorted(unknown))}.")
        groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            for key in _keys(outcome, by):
                groups[key].append(outcome)
        return [_summary(key, outcomes) for key, outcomes in groups.items()]

    def table(self, by: Sequence[str] = ("strategy", "service")) -> str:
        """The summaries as a Markdown table; shares in percent."""
        head = [*by, "goals", *SHARES, *(name.replace("_", " ") for name in COUNTS)]
        rows = [head, ["---"] * len(head), *(_row(summary) for summary in self.summaries(by))]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def to_json(self) -> str:
        """Everything, as JSON text: ``summaries`` by strategy and service, and all ``outcomes``."""
        found = {
            "summaries": [asdict(summary) for summary in self.summaries()],
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }
        return json.dumps(found, ensure_ascii=False, indent=1)

    def plot(self, path: str | Path) -> None:
        """Save a bar chart of the shares to ``path``; its ending names the format.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        try:
            drawing = import_module("matplotlib.figure")
        except ImportError as error:
            raise MissingExtraError("matplotlib", "plot", "plotting") from error
        summaries = self.summaries()
        figure = drawing.Figure(figsize=(10, 5), layout="constrained")
        axes = figure.subplots()
        width = 0.8 / max(1, len(summaries))
        for number, summary in enumerate(summaries):
            places = [at + number * width for at in range(len(SHARES))]
            heights = [100 * getattr(summary, name) for name in SHARES]
            axes.bar(places, heights, width, label=" / ".join(summary.group))
        axes.set_xticks([at + 0.4 - width / 2 for at in range(len(SHARES))], SHARES)
        axes.set(ylabel="% of goals", ylim=(0, 100))
        axes.legend()
        figure.savefig(path)


def _keys(outcome: Outcome, by: Sequence[str]) -> list[tuple[str, ...]]:
    keys: list[tuple[str, ...]] = [()]
    for name in by:
        keys = [(*key, value) for key in keys for value in GROUPS[name](outcome)]
    return keys


def _summary(group: tuple[str, ...], outcomes: Sequence[Outcome]) -> Summary:
    def mean(name: str) -> float:
        return fmean(getattr(item if hasattr(item, name) else item.score, name) for item in outcomes)

    return Summary(group, len(outcomes), **{name: mean(name) for name in (*SHARES, *COUNTS)})


def _row(summary: Summary) -> list[str]:
    shares = [f"{100 * getattr(summary, name):.1f}" for name in SHARES]
    counts = [f"{getattr(summary, name):.1f}" for name in COUNTS]
    return [*summary.group, str(summary.goals), *shares, *counts]
