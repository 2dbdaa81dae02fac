"""What an answer without a plan is instead: the name of the fault, in words that say what to do."""

from __future__ import annotations

__all__ = ["looping", "without_plan"]

REFUSALS = (
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i'm sorry",
    "i am sorry",
    "as an ai",
)
SHORT_OF_LOOP = 4
LONGEST_CYCLE = 64


def without_plan(answer: str) -> str:
    """Why ``answer`` holds no plan: it is empty, a loop, JSON, a refusal, code or plain text."""
    text = answer.strip()
    opening = text[:200].lower().replace("’", "'")
    if not text:
        return "The model answered nothing. Check its chat template, or raise max_tokens."
    if looping(text):
        return "The model repeats itself without end. Use a grammar (constrain=True) or a larger model."
    if text.removeprefix("```json").lstrip()[:1] in ("{", "["):
        return "The model answered JSON where an XML plan was asked for. Use a grammar, or another prompt."
    if any(refusal in opening for refusal in REFUSALS):
        return "The model refused. Read its answer; say the goal in other words, or use another model."
    return "The model answered text without a <plan>. Use a grammar, a larger model, or another prompt."


def looping(text: str) -> bool:
    """Whether the end of ``text`` is the same few words, four times or more."""
    words = text.split()[-4 * LONGEST_CYCLE :]
    longest = min(LONGEST_CYCLE, len(words) // SHORT_OF_LOOP)
    return any(_repeats(words, length) for length in range(1, longest + 1))


def _repeats(words: list[str], length: int) -> bool:
    tail = words[-length * SHORT_OF_LOOP :]
    # A cut answer may stop in the middle of a word, so the last one is not compared.
    return all(tail[place] == tail[place % length] for place in range(len(tail) - 1)) and (
        length > 1 or len(set(tail[:-1])) == 1
    )
