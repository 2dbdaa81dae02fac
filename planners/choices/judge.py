"""The questions that a small model is asked. Each has a closed set of answers, told apart by likelihood."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planloom.function import KernelFunction
from planloom.parameter import Parameter
from planloom.planners.retrieval.words import words
from planloom.services.protocol import ScoringService
from planloom.services.usage import estimate_tokens
from planloom.usage import reading

__all__ = ["Judge", "label", "result_name", "said", "spoken", "wanted_name"]

# Requests that say nothing: how likely a function is after them is what its name alone is worth.
EMPTY_REQUESTS = ("Do it.", "Please help me.", "Do something.")
EMPTY_TOOLS = ("Do something.", "Work with text.", "Get some information.")
REQUESTS = "Each request and the tool that does it:\n\n"
IDENTIFIER_PARTS = re.compile(r"([a-z0-9])([A-Z])")
VALUES = """\
Sentence: Paint the fence in the garden green
Colour of the paint: green

Sentence: order two pizzas for Nina
Who will eat it: Nina

Sentence: Rename old.txt to new plan.txt
New name of the file: new plan.txt

Sentence: print the input on the big printer
The text to print: the input

Sentence: Ask Tom whether the shop is open
Question to ask: whether the shop is open

Sentence: send it to Berlin
What to send: it

"""


def said(function: KernelFunction) -> str:
    """What a function does, as a sentence without its end."""
    text = " ".join(function.description.split()).rstrip(".") or spoken(function.name)
    return text[:200]


def label(parameter: Parameter) -> str:
    """What a parameter is, in words."""
    return " ".join(parameter.description.split()).rstrip(".:") or spoken(parameter.name)


def wanted_name(parameter: Parameter) -> str:
    """What a parameter's value is called: its name in words, or its label where that is a word like "to"."""
    return spoken(parameter.name) if words(parameter.name) else label(parameter)


def spoken(name: str) -> str:
    """An identifier as words: ``emailAddress`` is "email address"."""
    return IDENTIFIER_PARTS.sub(r"\1 \2", name).replace("_", " ").strip().lower() or name


def result_name(function: KernelFunction) -> str:
    """``email_address`` for ``getEmailAddress``: the name's words, without the verb before them."""
    first, *others = spoken(function.name).split()
    return "_".join(others or [first])


class Judge:
    """Asks a model. The functions are those on offer; likelihoods are natural logarithms."""

    def __init__(self, service: ScoringService, functions: Sequence[KernelFunction]) -> None:
        self._service = service
        examples = (f"Request: {said(function)}.\nTool: {function.full_name}\n\n" for function in functions)
        self._requests = REQUESTS + "".join(examples)
        self._known: dict[tuple[str, str], float] = {}

    async def fits(self, request: str, functions: Sequence[KernelFunction]) -> list[float]:
        """How much more likely each of some functions is for this request than for any; above 0 it fits.

        The sum of two measures, since each alone errs elsewhere: the function given the request, less what it
        gets after empty requests (pointwise mutual information); and the request given the function, less the
        mean over these functions (the noisy channel).
        """
        empty = [await self._named(request, functions) for request in EMPTY_REQUESTS]
        priors = [sum(scores) / len(scores) for scores in zip(*empty, strict=True)]
        named = await self._named(f"{request}.", functions)
        heard = [await self._heard(function, request) for function in functions]
        mean = sum(heard) / len(heard)
        return [
            direct - prior + channel - mean
            for direct, prior, channel in zip(named, priors, heard, strict=True)
        ]

    async def adds(self, first: KernelFunction, other: KernelFunction, request: str) -> float:
        """How much better a request is explained by both functions than by one alone."""
        one, two = f"A tool that can: {said(first)}.\n", f"A tool that can: {said(other)}.\n"
        both = [
            await self._one(f"{pair}A user of both tools says:", f" {request}.")
            for pair in (one + two, two + one)
        ]
        alone = [await self._heard(function, request) for function in (first, other)]
        neither = await self._one(
            f"{one}A tool that can: do something else.\nA user of both tools says:", f" {request}."
        )
        return max(both) - max(*alone, neither)

    async def values(self, sentence: str, asked: str, answers: Sequence[str]) -> list[float]:
        """How likely each answer is as the value that ``asked`` names in ``sentence``."""
        prompt = f"{VALUES}Sentence: {sentence}\n{asked}:"
        return await self._score(prompt, [f" {answer}\n" for answer in answers])

    async def gives(self, function: KernelFunction, parameter: Parameter) -> float:
        """How much more likely a function's result is what ``parameter`` wants than any other result is."""
        wanted = f" {wanted_name(parameter)}.\n"
        scores = [await self._output(f"{said(function)}.", wanted)]
        scores += [await self._output(tool, wanted) for tool in EMPTY_TOOLS]
        return scores[0] - sum(scores[1:]) / len(EMPTY_TOOLS)

    async def comes_before(self, done: str, clause: str, function: KernelFunction) -> float:
        """How much likelier ``clause`` asks for something that ``done`` needs than for something after it."""
        doing = said(function)
        doing = doing[:1].lower() + doing[1:]
        after = f"{done}.\nAfter that, {doing}.\nThe user said: {done} and"
        before = f"{done}.\nBefore that, {doing}, and use it for this.\nThe user said: {done} and"
        return await self._one(before, f" {clause}.\n") - await self._one(after, f" {clause}.\n")

    async def rather(self, text: str, one: str, other: str) -> float:
        """How much likelier ``text`` is called ``one`` than ``other``, beyond what anything is."""
        kinds = [f" {one}\n", f" {other}\n"]
        named, anything = [await self._score(f'"{shown}" is the', kinds) for shown in (text, "something")]
        return named[0] - named[1] - anything[0] + anything[1]

    async def filled(self, sentence: str, answers: Sequence[tuple[str, str]]) -> float:
        """How much likelier these values, each after what it is, are for ``sentence`` than for none."""
        (first, value), *others = answers
        rest = "".join(f"{asked}: {answer}\n" for asked, answer in others)
        here, anywhere = [
            await self._one(f"{VALUES}Sentence: {shown}\n{first}:", f" {value}\n{rest}")
            for shown in (sentence, EMPTY_REQUESTS[0])
        ]
        return here - anywhere

    async def _named(self, request: str, functions: Sequence[KernelFunction]) -> list[float]:
        prompt = f"{self._requests}Request: {request}\nTool:"
        return await self._score(prompt, [f" {function.full_name}" for function in functions])

    async def _heard(self, function: KernelFunction, request: str) -> float:
        prompt = f"A tool that can: {said(function)}.\nA user of this tool says:"
        return await self._one(prompt, f" {request}.")

    async def _output(self, tool: str, wanted: str) -> float:
        return await self._one(f"A tool that can: {tool}\nIts output is the", wanted)

    async def _one(self, prompt: str, continuation: str) -> float:
        return (await self._score(prompt, [continuation]))[0]

    async def _score(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        unknown = [text for text in dict.fromkeys(continuations) if (prompt, text) not in self._known]
        if unknown:
            with reading(sum(map(estimate_tokens, (prompt, *unknown)))):
                scores = await self._service.score(prompt, unknown)
            self._known |= {(prompt, text): score for text, score in zip(unknown, scores, strict=True)}
        return [self._known[prompt, text] for text in continuations]
