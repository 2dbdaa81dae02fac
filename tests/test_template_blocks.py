"""Reading ``semantic-kernel`` templates: what is text, what is a block, what is wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import TemplateError
from planloom.prompts import compile_template
from planloom.prompts.blocks import Call, FunctionId, NamedArgument, Text, Value, Variable
from planloom.prompts.parser import parse_code, parse_template
from planloom.prompts.tokens import tokenize

TEXT_ONLY = ["", " ", "   ", " {}  ", " {{}  ", " {{ } } }  ", " { { }} }", "{{}}", "{{ }}", "{{  }}"]
TEXT_ONLY += ["{{  '}}x", '{{  "}}x', "{{'{{a}}", "{{'a}}", "{{a'}}", '""', "{}", "{{ asis 'foo\\' }}"]
TEXT_ONLY += ["{{ call 'f\\\\'33\" }}", "{{", "}}", "{{a", "{{a}", "{{a} }"]


@pytest.mark.parametrize("template", TEXT_ONLY)
def test_is_text(template: str) -> None:
    assert parse_template(template) == (Text(template),)


@pytest.mark.parametrize("template", ["{{$a}}", "{{ $a}}", "{{ $a }}", "{{  $a  }}", "{{\n$a\t\r\n}}"])
def test_is_a_variable(template: str) -> None:
    assert parse_template(template) == (Variable("a"),)


@pytest.mark.parametrize(
    "template", ["{{code}}", "{{code }}", "{{ code }}", "{{  code }}", "{{  code  }}", "{{\ncode\n}}"]
)
def test_is_a_call(template: str) -> None:
    assert parse_template(template) == (Call("code"),)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{''}}", ""),
        ("{{' '}}", " "),
        ("{{  ' '  }}", " "),
        ('{{"a"}}', "a"),
        ("{{'}}'}}", "}}"),
        ("{{'{{'}}", "{{"),
    ],
)
def test_is_a_value(template: str, text: str) -> None:
    assert parse_template(template) == (Value(text),)


@pytest.mark.parametrize(
    ("template", "blocks"),
    [
        ("}}{{a}} {{b}}x", (Text("}}"), Call("a"), Text(" "), Call("b"), Text("x"))),
        ("}}{{ -a\n} } {{b}}x", (Text("}}{{ -a\n} } "), Call("b"), Text("x"))),
        ("{{{{a}}", (Text("{{"), Call("a"))),
        ("}}{{{{$a}}}} {{b}}$x}}", (Text("}}{{"), Variable("a"), Text("}} "), Call("b"), Text("$x}}"))),
        (r"{{ asis 'f\'oo' }}", (Call("asis", Value("f'oo")),)),
        (
            "this is a {{ $prompt }} with {{$some}} variables and {{function $calls}} {{ and 'values' }}",
            (
                Text("this is a "),
                Variable("prompt"),
                Text(" with "),
                Variable("some"),
                Text(" variables and "),
                Call("function", Variable("calls")),
                Text(" "),
                Call("and", Value("values")),
            ),
        ),
    ],
)
def test_blocks(template: str, blocks: tuple[object, ...]) -> None:
    assert parse_template(template) == blocks


@pytest.mark.parametrize(
    "template",
    [
        "}}{{{ {$a}}}} {{b}}x}}",
        "}}{{ -a}} {{b}}x",
        "}}{{ -a\n}} {{b}}x",
        "{{ plugin.func $va-r }}",
        "{{ plugin.func 'val' 'val' }}",
        "{{ arg=$arg }}",
        "{{ plugin.func 'var'arg=$arg }}",
        "{{ call 'f\\\\'x }}",
        "{{ call 'f\\\\'xy }}",
        "{{$}}",
        "{{$a $b}}",
        "{{'a' 'b'}}",
        "{{$a.b}}",
        "{{f x=$a x=$b}}",
        "{{f x = $a}}",
        "{{f\u00a0$a}}",
    ],
)
def test_is_wrong(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(template)
    assert caught.value.template == template
    assert str(caught.value).startswith("Line ")


def test_error_names_line_and_block() -> None:
    with pytest.raises(TemplateError, match=r"Line 3, \{\{f \$a-b\}\}: 'a-b' is not the name of a variable"):
        compile_template("one\ntwo\nthree {{f $a-b}}")


def test_tokens() -> None:
    assert tokenize("plugin.function \"direct\" arg1=$arg1 arg2='arg2'") == (
        FunctionId("plugin.function"),
        Value("direct"),
        NamedArgument("arg1", Variable("arg1")),
        NamedArgument("arg2", Value("arg2")),
    )


def test_no_blank_between_tokens() -> None:
    with pytest.raises(TemplateError, match='blank before "xy\'"'):
        tokenize(r"call 'f\\'xy'")


@pytest.mark.parametrize("name", ["0", "1", "a", "_", "01", "01a", "a01", "_0", "a01_e", "_a01e"])
def test_names(name: str) -> None:
    assert parse_code(f"${name}") == Variable(name)
    assert parse_code(name) == Call(name)
    assert parse_code(f"a.{name} {name}=${name}") == Call(
        f"a.{name}", None, (NamedArgument(name, Variable(name)),)
    )


@pytest.mark.parametrize("token", ["$", "$test-var", "test_var", "$a>b", "$.", "$ä", "$a'b'"])
def test_not_a_variable(token: str) -> None:
    with pytest.raises(TemplateError):
        parse_code(f"f {token}")


@pytest.mark.parametrize(
    "token", ["test_val", "'test_val", 'test_val"', "'test_val\"", "\"test_val'", "'", "'\\'"]
)
def test_not_a_value(token: str) -> None:
    with pytest.raises(TemplateError):
        parse_code(f"f {token}")


@pytest.mark.parametrize(
    ("token", "name", "value"),
    [
        ("test=$test_var", "test", Variable("test_var")),
        ("test='test_val'", "test", Value("test_val")),
        ('test="it\'s"', "test", Value("it's")),
        (r"test='it\'s \"so\"'", "test", Value('it\'s "so"')),
        ("test=' '", "test", Value(" ")),
    ],
)
def test_named_argument(token: str, name: str, value: Variable | Value) -> None:
    assert tokenize(token) == (NamedArgument(name, value),)


@pytest.mark.parametrize(
    "token",
    ["=$test_var", "test=$test-var", "test='test_val\"", "test=''", "test=$", "test=", "test=x", "te-st='a'"],
)
def test_not_a_named_argument(token: str) -> None:
    with pytest.raises(TemplateError):
        tokenize(token)


@pytest.mark.parametrize("code", ["", "=", "a.b.c", ".a", "a.", "a..b", ".", "a,b"])
def test_not_a_call(code: str) -> None:
    with pytest.raises(TemplateError):
        parse_code(code)


FUNCTION, VARIABLE, VALUE, NAMED = "plugin.func", "$var", '"val"', "name='val'"


@pytest.mark.parametrize(
    ("tokens", "allowed"),
    [
        (("func",), True),
        ((FUNCTION,), True),
        ((VARIABLE,), True),
        ((VALUE,), True),
        ((NAMED,), False),
        ((FUNCTION, ""), True),
        ((FUNCTION, VARIABLE), True),
        ((FUNCTION, VALUE), True),
        ((FUNCTION, NAMED), True),
        ((FUNCTION, FUNCTION), False),
        ((FUNCTION, VARIABLE, ""), True),
        ((FUNCTION, VARIABLE, NAMED), True),
        ((FUNCTION, VALUE, NAMED), True),
        ((FUNCTION, NAMED, "other=$var"), True),
        ((FUNCTION, VARIABLE, VARIABLE), False),
        ((FUNCTION, VARIABLE, VALUE), False),
        ((FUNCTION, VALUE, FUNCTION), False),
        ((FUNCTION, NAMED, VALUE), False),
        # Python ignores what follows; here, as in .NET, it is an error
        ((VARIABLE, VARIABLE), False),
        ((VARIABLE, NAMED), False),
        ((VALUE, FUNCTION), False),
        ((VALUE, VALUE), False),
    ],
)
def test_positions(tokens: tuple[str, ...], allowed: bool) -> None:
    code = " ".join(tokens)
    if allowed:
        parse_code(code)
        return
    with pytest.raises(TemplateError):
        parse_code(code)


@pytest.mark.parametrize(
    ("template", "variables"),
    [
        ("{{$param}}{{$param}}", ("param",)),
        ("{{$INPUT}} {{$input}}", ("INPUT",)),
        ("{{plug.func input=$input}}", ("input",)),
        ("{{f $b x=$a}}{{$c}}{{'$d'}}$e", ("b", "a", "c")),
        ("no variables", ()),
    ],
)
def test_variables(template: str, variables: tuple[str, ...]) -> None:
    assert compile_template(template).variables == variables


@pytest.mark.parametrize("format", ["handlebars", "liquid", "", "Jinja2"])
def test_unknown_format(format: str) -> None:
    with pytest.raises(TemplateError, match="use semantic-kernel or jinja2"):
        compile_template("x", format)


FRAGMENTS = ["{{", "}}", "{", "'", '"', "\\", "$", " ", "\n", "=", ".", "-", "a", "a.b", "$x", "é"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)))
def test_any_text_is_a_template_or_a_template_error(text: str) -> None:
    with suppress(TemplateError):
        assert compile_template(text).text == text


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_text_without_braces_is_text(text: str) -> None:
    assert parse_template(text) == (Text(text),)


@given(st.text())
def test_any_text_can_be_written_as_a_value(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert parse_template(f"{{{{ '{quoted}' }}}}") == (Value(text),)


@pytest.mark.parametrize("unit", ["{{$a}} ", "{{ ", "{{'", "}}", "{{f 'a' b=$c}}", "{{'a\\", "x"])
def test_reads_each_character_a_bounded_number_of_times(unit: str) -> None:
    """A megabyte compiles: anything worse than linear would not end while anyone waits."""
    size = 1_000_000
    text = unit * (size // len(unit))
    with suppress(TemplateError):
        assert compile_template(text).text == text
