"""An estimate of token counts, for services that report none."""

from __future__ import annotations

from collections.abc import Sequence

from planloom.services.protocol import ChatMessage, Usage

__all__ = ["estimate_tokens", "estimate_usage"]

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` takes: one for every four bytes of UTF-8, rounded up.

    Within a third of the true count for English and Chinese prose under the common vocabularies; good enough
    for a budget, not for a limit.
    """
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def estimate_usage(messages: Sequence[ChatMessage], answer: str) -> Usage:
    """The usage of one call, estimated; each message adds four tokens for its role and its ends."""
    prompt = sum(estimate_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)
    return Usage(prompt_tokens=prompt, completion_tokens=estimate_tokens(answer), calls=1)
