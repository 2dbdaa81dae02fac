"""Templates of the format ``jinja2``, sandboxed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from planloom.errors import PlanloomError, TemplateError
from planloom.prompts.escaping import escape, json_of, text_of
from planloom.prompts.template import FunctionCaller

if TYPE_CHECKING:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["JinjaTemplate", "compile_jinja"]

CALL = "call"
_COMPILE_ERRORS = (RecursionError, MemoryError, OverflowError, SyntaxError, ValueError)
_RENDER_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class JinjaTemplate:
    """A Jinja template. ``{{ call("Skill.function", input, name=value) }}`` calls a function.

    Whatever it prints is escaped unless trusted; lists, mappings and models print as JSON. A missing
    variable prints nothing, and asking it for an attribute is an error. There is no loader, so it cannot
    include files. A trusted variable is put in as it is when it is text; the contents of a trusted list
    or mapping are escaped like any others.
    """

    text: str
    variables: tuple[str, ...]
    compiled: jinja2.Template
    trusted: frozenset[str]
    """Names in lower case."""

    async def render(self, variables: Mapping[str, Any], call: FunctionCaller) -> str:
        """See `PromptTemplate.render`."""
        import jinja2

        scope = {name: self._value(name, value) for name, value in variables.items()}
        try:
            return await self.compiled.render_async({**scope, CALL: _caller(call)})
        except PlanloomError:
            raise
        except (jinja2.TemplateError, *_RENDER_ERRORS) as error:
            raise TemplateError(f"The template cannot be rendered: {error}", self.text) from error

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and name.lower() in self.trusted:
            from markupsafe import Markup

            return Markup(value)
        return _plain(value)


def _plain(value: Any) -> Any:
    """Text that calls itself safe is not safe for that."""
    return str.__str__(value) if hasattr(value, "__html__") and isinstance(value, str) else value


def _caller(call: FunctionCaller) -> FunctionCaller:
    async def call_function(name: str, /, *positional: Any, **named: Any) -> Any:
        if len(positional) > 1:
            raise TemplateError(f"call({name!r}, …) takes one positional argument; name the others")
        plain = {key: _plain(value) for key, value in named.items()}
        return _plain(await call(str(name), tuple(map(_plain, positional)), plain))

    return call_function


def compile_jinja(text: str, trusted: Collection[str] = (), all_trusted: bool = False) -> JinjaTemplate:
    """See `compile_template`; raises TemplateError."""
    import jinja2

    environment = _environment(all_trusted)
    try:
        variables = _variables(environment, text)
        compiled = environment.from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"Line {error.lineno}: {error.message}.", text) from error
    except (jinja2.TemplateError, *_COMPILE_ERRORS) as error:
        raise TemplateError(f"This is not a Jinja template that can be read: {error}", text) from error
    return JinjaTemplate(text, variables, compiled, frozenset(name.lower() for name in trusted))


@cache
def _environment(all_trusted: bool) -> ImmutableSandboxedEnvironment:
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from markupsafe import Markup

    def escaped(value: Any) -> Markup:
        return value if isinstance(value, Markup) else Markup(escape(text_of(value)))

    environment = ImmutableSandboxedEnvironment(
        autoescape=not all_trusted,
        enable_async=True,
        finalize=text_of if all_trusted else escaped,
        keep_trailing_newline=True,
    )
    # Jinja's own filter writes "<" as "\u003c", which a model would read so.
    environment.filters["tojson"] = json_of
    return environment


def _variables(environment: ImmutableSandboxedEnvironment, text: str) -> tuple[str, ...]:
    from jinja2 import meta, nodes

    tree = environment.parse(text)
    open_names = meta.find_undeclared_variables(tree) - set(environment.globals) - {CALL}
    order = dict.fromkeys(name.name for name in tree.find_all(nodes.Name))
    return tuple(name for name in order if name in open_names)
