"""Rendering templates of the format ``semantic-kernel``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from planloom.prompts.blocks import Argument, Block, Call, Text, Value, Variable
from planloom.prompts.escaping import escape, text_of
from planloom.prompts.parser import parse_template
from planloom.prompts.template import FunctionCaller

__all__ = ["SemanticKernelTemplate", "compile_semantic_kernel"]


@dataclass(frozen=True, slots=True)
class SemanticKernelTemplate:
    """A template of ``{{$variable}}``, ``{{'value'}}`` and ``{{skill.function …}}`` blocks.

    Variables are found by their exact name, else regardless of case. Functions get variables as the
    objects they are, and a missing one as an empty text.
    """

    text: str
    variables: tuple[str, ...]
    blocks: tuple[Block, ...]
    trusted: frozenset[str]
    """Names in lower case."""
    all_trusted: bool

    async def render(self, variables: Mapping[str, Any], call: FunctionCaller) -> str:
        """See `PromptTemplate.render`. Functions are called one after the other, in document order."""
        folded = {name.lower(): value for name, value in variables.items()}
        scope = folded | dict(variables)
        return "".join([await self._render(block, scope, call) for block in self.blocks])

    async def _render(self, block: Block, scope: Mapping[str, Any], call: FunctionCaller) -> str:
        match block:
            case Text(text) | Value(text):
                return text
            case Variable(name):
                return self._markup(_resolve(block, scope), name.lower() in self.trusted)
            case Call():
                return self._markup(await _call(block, scope, call), False)

    def _markup(self, value: Any, trusted: bool) -> str:
        text = text_of(value)
        return text if trusted or self.all_trusted else escape(text)


async def _call(block: Call, scope: Mapping[str, Any], call: FunctionCaller) -> Any:
    positional = () if block.positional is None else (_resolve(block.positional, scope),)
    named = {argument.name: _resolve(argument.value, scope) for argument in block.named}
    return await call(block.function, positional, named)


def _resolve(argument: Argument, scope: Mapping[str, Any]) -> Any:
    if isinstance(argument, Value):
        return argument.text
    value = scope.get(argument.name, scope.get(argument.name.lower()))
    return "" if value is None else value


def compile_semantic_kernel(
    text: str, trusted: Collection[str] = (), all_trusted: bool = False
) -> SemanticKernelTemplate:
    """See `compile_template`; raises TemplateError."""
    blocks = parse_template(text)
    names = frozenset(name.lower() for name in trusted)
    return SemanticKernelTemplate(text, _variables(blocks), blocks, names, all_trusted)


def _variables(blocks: tuple[Block, ...]) -> tuple[str, ...]:
    """Names in order of appearance; spellings that differ only in case are one variable."""
    found: dict[str, str] = {}
    for block in blocks:
        for argument in _arguments(block):
            if isinstance(argument, Variable):
                found.setdefault(argument.name.lower(), argument.name)
    return tuple(found.values())


def _arguments(block: Block) -> list[Argument | None]:
    match block:
        case Call(_, positional, named):
            return [positional, *(argument.value for argument in named)]
        case Variable():
            return [block]
        case _:
            return []
