"""What an answer without a plan is instead: the name of the fault, in words that say what to do."""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = ["holds_json_plan", "is_json", "looping", "without_plan"]

REFUSALS = (
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i'm sorry",
    "i am sorry",
    "as an ai",
    "我不能",
    "我无法",
    "我没办法",
    "无法帮",
    "不能帮",
    "无法协助",
    "无法提供",
    "无法完成",
    "对不起",
    "抱歉",
    "很遗憾",
    "作为一个ai",
    "作为ai",
    "作为人工智能",
    "作为一个人工智能",
)
EMPTY = "The model answered nothing. Check its chat template, or raise max_tokens."
REFUSED = "The model refused. Read its answer; say the goal in other words, or use another model."
SHORT_OF_LOOP, SHORT_OF_SPIN = 4, 8
LONGEST_CYCLE = 64


class Words(NamedTuple):
    """What is said of answers without a plan in one of its forms."""

    loop: str
    json: str
    text: str


OF_XML = Words(
    "The model repeats itself without end. Use a grammar (constrain=True) or a larger model.",
    "The model answered JSON where an XML plan was asked for. Use a grammar, or another prompt.",
    "The model answered text without a <plan>. Use a grammar, a larger model, or another prompt.",
)
OF_JSON = Words(
    "The model repeats itself without end. Use a larger model, or constrain=False.",
    'The model answered JSON, but no object with a list of "steps". Use a larger model.',
    "The model answered text where a plan as JSON was asked for. Check that the server holds answers to "
    "a JSON schema, or have the plan written as XML: constrain=False.",
)


def without_plan(answer: str, *, as_json: bool = False) -> str:
    """Why ``answer`` holds no plan, in the form that was asked for: it is empty, a loop, a refusal, …"""
    words = OF_JSON if as_json else OF_XML
    text = answer.strip()
    if not text:
        return EMPTY
    if looping(text):
        return words.loop
    if text.removeprefix("```json").lstrip()[:1] in ("{", "["):
        return words.json
    return REFUSED if _refusing(text) else words.text


def holds_json_plan(answer: str) -> bool:
    """Whether ``answer`` is an object with a list of steps, right or not, or the broken text of one."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return answer.lstrip().startswith("{") and '"steps"' in answer and not looping(answer)
    return isinstance(found, dict) and isinstance(found.get("steps"), list)


def is_json(answer: str) -> bool:
    """Whether ``answer`` is JSON, to its end."""
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True


def _refusing(text: str) -> bool:
    opening = text[:200].lower().replace("’", "'")
    return any(refusal in opening for refusal in REFUSALS)


def looping(text: str) -> bool:
    """Whether the end of ``text`` is the same few words four times or more, or the same few letters eight."""
    return _words_repeat(text) or _letters_repeat(text)


def _letters_repeat(text: str) -> bool:
    """For languages and tags that are written without spaces."""
    tail = text[-SHORT_OF_SPIN * LONGEST_CYCLE :]
    units = (tail[-length:] for length in range(2, len(tail) // SHORT_OF_SPIN + 1))
    return any(tail.endswith(unit * SHORT_OF_SPIN) and len(set(unit)) > 1 for unit in units)


def _words_repeat(text: str) -> bool:
    words = text.split()[-4 * LONGEST_CYCLE :]
    longest = min(LONGEST_CYCLE, len(words) // SHORT_OF_LOOP)
    return any(_repeats(words, length) for length in range(1, longest + 1))


def _repeats(words: list[str], length: int) -> bool:
    tail = words[-length * SHORT_OF_LOOP :]
    # A cut answer may stop in the middle of a word, so the last one is not compared.
    return all(tail[place] == tail[place % length] for place in range(len(tail) - 1)) and (
        length > 1 or len(set(tail[:-1])) == 1
    )
