"""Where a prompt is cut into the pieces that a model evaluates at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

__all__ = ["chunk_ends", "common_prefix"]

SHORTEST = 24
LONGEST = 256


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens are the same in both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def chunk_ends(
    tokens: Sequence[int], ends_line: Callable[[int], bool], breaks: Collection[int] = ()
) -> list[int]:
    """The positions after which ``tokens`` are cut: ``breaks``, lines of at least 24 tokens, and 256 tokens.

    A cut depends only on the tokens before it. So two prompts with a common start are cut alike there, and
    what was evaluated for one can be reused for the other with bit-equal results: floating-point rounding
    depends on which tokens are evaluated together.
    """
    ends, start = [], 0
    for end, token in enumerate(tokens, 1):
        length = end - start
        if length >= LONGEST or (length >= SHORTEST and ends_line(token)) or end in breaks:
            ends.append(end)
            start = end
    return ends
