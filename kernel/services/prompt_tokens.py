"""A prompt as tokens, and where it may be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planloom.services.chat_template import Segment

if TYPE_CHECKING:
    from planloom.services.llama_vocabulary import LlamaVocabulary

__all__ = ["PromptTokens", "tokenized"]


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A prompt for a local model.

    Args:
        tokens: all of it.
        breaks: after how many tokens a message's text begins; what is evaluated is cut there, so that prompts
            with the same messages at their start share all of it.
        lasting: how many tokens, from the start, later prompts are likely to begin with: the instructions.
            It is 0 or one of ``breaks``.
    """

    tokens: Sequence[int]
    breaks: frozenset[int] = frozenset()
    lasting: int = 0

    def keys(self) -> list[int]:
        """The tokens, with those inverted that a break follows.

        Prompts with the same keys at their start are also cut alike there, which the tokens do not tell.
        """
        return [~token if end in self.breaks else token for end, token in enumerate(self.tokens, 1)]


def tokenized(segments: Sequence[Segment], vocabulary: LlamaVocabulary) -> PromptTokens:
    """The tokens of a rendered prompt, cut around each message; what lasts are the system messages."""
    tokens: list[int] = []
    breaks: list[int] = []
    lasting: int | None = None
    for segment in segments:
        if segment.role is not None:
            lasting = len(tokens) if lasting is None and segment.role != "system" else lasting
            breaks.append(len(tokens))
        tokens += vocabulary.tokenize(segment.text, special=segment.role is None)
    started = vocabulary.started(tokens)
    shift = len(started) - len(tokens)
    return PromptTokens(started, frozenset(at + shift for at in breaks if at), (lasting or -shift) + shift)
