"""Tunes the bundled model to draft plans. Run from benchmarks/; needs the packages torch and gguf:

``python -m tuning.train OUT.npz SEQUENCES.npz... --minutes N --threads N [--held-out FILE] [--start FILE]``

``tuning.build`` makes the sequences. Each is learnt once, in the order of the files, until the time is over.
OUT.npz is what ``planloom.services`` has in ``adapters/``. It is written on the way too, so that a run which
is broken off is not lost.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor
from torch.nn import functional

from planloom.services.llama_adapter import pack, unpack
from planloom.services.llama_files import bundled_model, requantized
from tuning.build import A_DRAFT
from tuning.model import TunedModel, layout_of

RATE = 1e-3
BETAS = (0.9, 0.98)
LONGEST_GRADIENT = 1.0
OF_GOALS = 0.2
"""What a token of a goal counts beside one of a draft: goals are only weighed, and said in many ways."""
WARM_UP = 30
"""Steps until the learning rate is whole."""
DECAY = 0.3
"""The share of the time, at its end, in which the rate falls to ``LOWEST`` of itself."""
LOWEST = 0.02
SMOOTHING = 0.97
TOLD_EVERY = 10
JUDGED_EVERY = 100


@dataclass(frozen=True)
class Lesson:
    """A sequence of ``tuning.build``.

    ``learnt`` has the places of the tokens that are to be learnt, ``drafted`` for each of these whether it is
    of a draft, and not of a goal.
    """

    tokens: Tensor
    positions: Tensor
    goals: Tensor
    learnt: Tensor
    drafted: Tensor


@dataclass(frozen=True)
class Step:
    """A step that was made: ``loss`` is smoothed over the steps before, ``tokens`` counts all so far."""

    number: int
    minutes: float
    loss: float
    rate: float
    tokens: int

    def __str__(self) -> str:
        speed = self.tokens / (60 * self.minutes)
        return (
            f"{self.minutes:.1f} min, step {self.number}: loss {self.loss:.3f}, "
            f"rate {self.rate:.1e}, {speed:.0f} tokens/s"
        )


@dataclass(frozen=True)
class Judgement:
    """Loss per token, and the share of goals in whose answer every token is the model's first choice."""

    loss: float
    right: float

    def __str__(self) -> str:
        return f"held out: loss {self.loss:.3f}, {self.right:.1%} of goals right"


def read_lessons(path: Path) -> list[Lesson]:
    with numpy.load(path, allow_pickle=False) as arrays:
        count = len({name.partition("-")[0] for name in arrays.files})
        return [_lesson(arrays, str(number)) for number in range(count)]


def _lesson(arrays: Any, number: str) -> Lesson:
    token, position, goal, kind = (
        torch.from_numpy(arrays[f"{number}-{name}"].astype(numpy.int64))
        for name in ("token", "position", "goal", "learnt")
    )
    learnt = kind.nonzero()[:, 0]
    return Lesson(token, position, goal, learnt, kind[learnt] == A_DRAFT)


# -- learning ------------------------------------------------------------------------------------------


def predicted(model: TunedModel, lesson: Lesson) -> Tensor:
    """What the model says in the places of the learnt tokens: [learnt, vocabulary]."""
    # The token before a learnt one is of the same goal, since an answer follows its question.
    said: Tensor = model(lesson.tokens, lesson.positions, layout_of(lesson.goals), lesson.learnt - 1)
    return said.float()


def rate_at(step: int, spent: float) -> float:
    """The learning rate of a step, when a share of the time is spent."""
    return RATE * min(1.0, (step + 1) / WARM_UP) * min(1.0, max(LOWEST, (1 - spent) / DECAY))


def train(model: TunedModel, lessons: Sequence[Lesson], minutes: float) -> Iterator[Step]:
    """Tune the model, a lesson a step, until the minutes or the lessons are over."""
    factors = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(factors, lr=RATE, weight_decay=0.0, betas=BETAS)
    start, tokens, smoothed = time.monotonic(), 0, None
    for number, lesson in enumerate(lessons):
        spent = (time.monotonic() - start) / 60
        if spent >= minutes:
            return
        rate = rate_at(number, spent / minutes)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _learn(model, lesson, factors, optimizer)
        smoothed = loss if smoothed is None else SMOOTHING * smoothed + (1 - SMOOTHING) * loss
        tokens += len(lesson.tokens)
        yield Step(number + 1, (time.monotonic() - start) / 60, smoothed, rate, tokens)


def _learn(
    model: TunedModel,
    lesson: Lesson,
    factors: Sequence[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> float:
    wanted, drafted = lesson.tokens[lesson.learnt], lesson.drafted
    losses = functional.cross_entropy(predicted(model, lesson), wanted, reduction="none")
    (losses * torch.where(drafted, 1.0, OF_GOALS)).sum().div(max(1, int(drafted.sum()))).backward()
    torch.nn.utils.clip_grad_norm_(factors, LONGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return losses[drafted].mean().item()


def judge(model: TunedModel, lessons: Sequence[Lesson]) -> Judgement:
    """How well the model drafts for goals that it did not see."""
    loss, tokens, right = 0.0, 0, []
    with torch.no_grad():
        for lesson in lessons:
            drafted = lesson.learnt[lesson.drafted]
            said, wanted = predicted(model, lesson)[lesson.drafted], lesson.tokens[drafted]
            loss += functional.cross_entropy(said, wanted, reduction="sum").item()
            tokens += len(wanted)
            hits, goals = said.argmax(-1) == wanted, lesson.goals[drafted]
            right += [bool(hits[goals == goal].all()) for goal in set(goals.tolist())]
    return Judgement(loss / tokens, sum(right) / len(right))


# -- the command ---------------------------------------------------------------------------------------


def save(model: TunedModel, path: Path) -> None:
    arrays: dict[str, Any] = dict(pack(model.factors()))
    numpy.savez_compressed(path, **arrays)


def load(path: Path | None, start: Path | None) -> TunedModel:
    """The model of a file, or the bundled one, that has learnt nothing or what is in ``start``."""
    model = TunedModel(path or _evaluated())
    if start is not None:
        with numpy.load(start, allow_pickle=False) as arrays:
            model.start_from(unpack(arrays))
    return model


def _evaluated() -> Path:
    """The bundled model as ``LlamaService`` evaluates it: its adapter should fit those very weights."""
    import llama_cpp

    return requantized(bundled_model("tuning"), llama_cpp)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tuning.train", description="Tunes the bundled model to draft."
    )
    parser.add_argument("out", type=Path, help="the adapter that is made (.npz)")
    parser.add_argument("sequences", type=Path, nargs="+", help="files of tuning.build")
    parser.add_argument("--minutes", type=float, required=True, help="how long to train at most")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--held-out", type=Path, help="sequences to judge by, made with --held-out")
    parser.add_argument("--start", type=Path, help="an adapter to go on from")
    parser.add_argument("--model", type=Path, help="a GGUF of SmolLM2-135M instead of the bundled one")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    model = load(given.model, given.start)
    held_out = read_lessons(given.held_out) if given.held_out else []
    lessons = [lesson for path in given.sequences for lesson in read_lessons(path)]
    print(f"{len(lessons)} sequences, {sum(len(each.tokens) for each in lessons)} tokens", flush=True)
    for step in train(model, lessons, given.minutes):
        if step.number % TOLD_EVERY == 0:
            print(step, flush=True)
        if step.number % JUDGED_EVERY == 0:
            finish(model, given.out, held_out)
    finish(model, given.out, held_out)


def finish(model: TunedModel, out: Path, held_out: Sequence[Lesson]) -> None:
    """Save what was learnt so far, and say how good it is."""
    save(model, out)
    if held_out:
        print(judge(model, held_out), flush=True)


if __name__ == "__main__":
    main()
