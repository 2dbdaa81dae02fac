"""llguidance in the place of llama.cpp's own grammar engine: it must mean the same."""

from __future__ import annotations

import asyncio
import importlib.util
import random
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from gbnf import Grammar
from planloom import Kernel, kernel_function
from planloom.errors import GrammarError
from planloom.planners import Plan, PlannerError, SequentialPlanner
from planloom.planners.grammar import plan_grammar
from planloom.services import ChatMessage, Completion, LlamaService, Settings, allow_model_requests
from planloom.services.constraint import Constraint, GbnfConstraint
from planloom.services.lark import lark_of
from planloom.services.llama_engine import LlamaEngine
from planloom.services.llama_files import bundled_model
from planloom.services.llama_library import load_library

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llguidance") is None, reason="needs the extra 'local'"
)


class Letters:
    """Letters and parcels."""

    @kernel_function(effect="none")
    def address(self, person: str) -> str:
        """Look up a person's address."""
        return f"{person} Street 1"

    @kernel_function(effect="write")
    def send(self, to: str, text: str, copies: int = 1) -> str:
        """Send a letter to an address."""
        return f"{text} to {to}"


KERNEL = Kernel()
KERNEL.add_skill(Letters())
PLANS = plan_grammar(KERNEL.functions.values())


# -- the rewriting, which needs no model --------------------------------------------------------------


def test_rules_become_the_parts_of_one_terminal() -> None:
    assert lark_of('root ::= "a" next-One # why\nnext-One ::= [^0-9\\]] | "b\\n"{2,3}') == (
        "%llguidance {}\nstart: TROOT\n"
        'TROOT: "a" TNEXT_0_ONE\n'
        'TNEXT_0_ONE: /[^\\u{30}-\\u{39}\\u{5D}]/ | "b\\n" {2,3}\n'
    )


@pytest.mark.parametrize(
    ("gbnf", "written"),
    [
        ('root ::= | "a"', '"" | "a"'),
        ('root ::= ("a" | ) "b"', '( "a" | "" ) "b"'),
        ("root ::= [-a] [a-] [+--]", r"/[\u{2D}\u{61}]/ /[\u{61}\u{2D}]/ /[\u{2B}-\u{2D}]/"),
        (r'root ::= "\x41\u00e9\U0001F600\\\"" [\-x]', '"Aé😀\\\\\\"" /[\\u{2D}\\u{78}]/'),
        ("root ::= .{2} [\\u00A0-\\uD7FF]", r"/[\u{0}-\u{10FFFF}]/ {2} /[\u{A0}-\u{D7FF}]/"),
    ],
)
def test_every_form_is_rewritten(gbnf: str, written: str) -> None:
    assert (lark_of(gbnf) or "").splitlines()[2] == f"TROOT: {written}"


@pytest.mark.parametrize("gbnf", ["root ::= <[12]>", 'root ::= "a', '"a"', "root ::= !x"])
def test_what_is_not_known_is_left_to_llama_cpp(gbnf: str) -> None:
    assert lark_of(gbnf) is None


@given(st.lists(st.text("aA_-0b", min_size=1, max_size=4), min_size=2, unique=True))
def test_names_stay_different(names: list[str]) -> None:
    text = lark_of("\n".join(f'{name} ::= "x"' for name in names)) or ""
    assert len({line.partition(":")[0] for line in text.splitlines()[2:]}) == len(names)


# -- the engines, side by side -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaEngine]:
    made = LlamaEngine(bundled_model("llama"), load_library(), service="llama", context_tokens=512, threads=1)
    yield made
    made.close()


def allowed(constraint: Constraint, engine: LlamaEngine) -> set[int]:
    """The tokens that a constraint lets through.

    Markers are left out, which llama.cpp takes for text, and the character 0, which it never allows.
    """
    logits = numpy.zeros(engine.vocabulary.size, dtype=numpy.float32)
    constraint.mask(logits)
    ends = engine.vocabulary.ends_answer
    open_ = numpy.flatnonzero(logits == 0).tolist()
    return {token for token in open_ if ends(token) or engine.vocabulary.piece(token).strip(b"\0")}


LITERALS = st.text('ab<&"\\é赵😀 \n', max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
)
CLASSES = st.sampled_from(["[a-c]", "[^a]", "[é-ü]", "[赵a]", "[0-9]", "[ -~]", "[<-]", r"[\]\\]"])
MARKS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{2,}"])


@st.composite
def grammars(draw: st.DrawFn) -> str:
    """GBNF without recursion: rule n uses rules after n."""
    count = draw(st.integers(1, 4))
    names = ["root", *(f"rule-{number}" for number in range(1, count))]

    def alternatives(later: list[str]) -> str:
        items = st.one_of(LITERALS, CLASSES, *([st.sampled_from(later)] if later else []))
        sequences = draw(
            st.lists(st.lists(st.tuples(items, MARKS), min_size=1, max_size=3), min_size=1, max_size=3)
        )
        return " | ".join(" ".join(f"({item}){mark}" for item, mark in parts) for parts in sequences)

    return "\n".join(f"{name} ::= {alternatives(names[at + 1 :])}" for at, name in enumerate(names))


def whole(tokens: set[int], engine: LlamaEngine) -> set[int]:
    """The tokens that are whole characters: the engines differ in which first bytes of one they let begin."""
    return {
        token for token in tokens if "\ufffd" not in engine.vocabulary.piece(token).decode(errors="replace")
    }


def one_way(tokens: set[int], engine: LlamaEngine) -> bool:
    """Whether all ``tokens`` begin alike; llguidance then allows only the usual spelling."""
    return len({engine.vocabulary.piece(token)[:1] for token in tokens}) == 1


@pytest.mark.local_model
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grammars(), st.randoms(use_true_random=False))
def test_both_engines_allow_the_same_tokens(engine: LlamaEngine, gbnf: str, chance: random.Random) -> None:
    try:
        guided = engine.constraint(gbnf)
    except GrammarError:  # llama.cpp takes no repetition of what may be empty
        reject()
    plain = GbnfConstraint(gbnf, engine.vocabulary.handle, engine.library, "llama")
    for _ in range(6):
        expected = allowed(plain, engine)
        known = whole(allowed(guided, engine), engine)
        assert known <= expected
        if not one_way(expected, engine):
            assert known == whole(expected, engine)
        writable = sorted(token for token in known if not engine.vocabulary.ends_answer(token))
        if not writable:
            break
        token = chance.choice(writable)
        assert guided.allows(token)
        guided.accept(token)
        plain.accept(token)
    plain.close()


@pytest.mark.local_model
def test_every_sentence_of_a_plan_grammar_is_taken_and_its_forced_text_is_in_it(engine: LlamaEngine) -> None:
    sentences, words = Grammar(PLANS), engine.vocabulary
    single = {words.piece(token): token for token in range(words.size)}
    for seed in range(30):
        text = sentences.sample(random.Random(seed)).encode()
        guided, at, forced_bytes = engine.constraint(PLANS), 0, 0
        while at < len(text):
            forced = [token for token in guided.forced() if not words.ends_answer(token)]
            spelled = b"".join(map(words.piece, forced))
            assert text[at:].startswith(spelled)
            for token in forced or [single[text[at : at + 1]]]:
                assert guided.allows(token), text[:at]
                guided.accept(token)
                at += len(words.piece(token))
            forced_bytes += len(spelled)
        assert any(guided.allows(token) for token in [words.end])
        assert forced_bytes > 0


@pytest.mark.local_model
def test_a_finished_answer_has_its_end_token_forced(engine: LlamaEngine) -> None:
    guided = engine.constraint('root ::= "yes" | "no"')
    for token in engine.vocabulary.tokenize("yes"):
        guided.accept(token)
    assert guided.forced() == [engine.vocabulary.end]


@pytest.mark.local_model
@pytest.mark.parametrize(
    "gbnf", ['root ::= "(" root ")" | "x"', 'root ::= a "."\na ::= [0-9] | "-" b\nb ::= a | "x"']
)
def test_a_recursive_grammar_is_left_to_llama_cpp(engine: LlamaEngine, gbnf: str) -> None:
    assert isinstance(engine.constraint(gbnf), GbnfConstraint)


@pytest.mark.local_model
def test_without_llguidance_it_is_left_to_llama_cpp(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planloom.services.llama_engine.has_guidance", lambda: False)
    assert isinstance(engine.constraint(PLANS), GbnfConstraint)


# -- whole answers -------------------------------------------------------------------------------------

EXAMPLE = """<plan>
  <function.Letters.address person="{0}" setContextVariable="TEXT1"/>
  <function.Letters.send to="$TEXT1" text="{1}" copies="{2}" setContextVariable="TEXT2"/>
</plan>"""
TASKS = [("Ann", "Hello", 2), ("Robert", "Good morning", 3), ("Zoë", "See you & bye", 1)]


def messages(person: str, text: str, copies: int) -> list[ChatMessage]:
    """A request whose answer hangs on no rounding: it was answered before."""
    turns: list[ChatMessage] = []
    for task in TASKS:
        turns += [ChatMessage("user", request(*task)), ChatMessage("assistant", plan(*task))]
    return [*turns, ChatMessage("user", request(person, text, copies))]


def request(person: str, text: str, copies: int) -> str:
    return f"Send {copies} times to {person}: {text}"


def plan(person: str, text: str, copies: int) -> str:
    return EXAMPLE.format(person, text.replace("&", "&amp;"), copies)


def asked(service: LlamaService, task: tuple[str, str, int], **options: Any) -> Completion:
    given = Settings(**{"grammar": PLANS, "max_tokens": 200, **options})
    return asyncio.run(service.complete(messages(*task), given))


@pytest.fixture(scope="module", params=["auto", "llama.cpp"])
def service(request: pytest.FixtureRequest) -> Iterator[LlamaService]:
    with allow_model_requests(True):
        made = LlamaService(grammar_engine=request.param, prefix_bytes=0)
        yield made
        asyncio.run(made.close())


@pytest.mark.local_model
@pytest.mark.parametrize("task", TASKS)
def test_all_engines_give_the_same_plan_at_temperature_0(
    service: LlamaService, task: tuple[str, str, int]
) -> None:
    written = asked(service, task)
    assert written.text == plan(*task)
    assert written.finish_reason == "stop"
    assert len(Plan.parse(written.text, KERNEL).steps) == 2


@pytest.mark.local_model
def test_the_same_seed_gives_the_same_plan(service: LlamaService) -> None:
    def drawn(seed: int) -> str:
        return asked(service, TASKS[0], temperature=1.5, seed=seed, max_tokens=60).text

    first = [drawn(seed) for seed in range(2)]
    assert [drawn(seed) for seed in range(2)] == first
    assert len(set(first)) > 1
    for text in first:
        assert not text.endswith("</plan>") or Plan.parse(text, KERNEL)


@pytest.mark.local_model
def test_a_stream_is_the_plan_and_may_be_closed_after_any_piece(service: LlamaService) -> None:
    given = Settings(grammar=PLANS, max_tokens=200)

    async def pieces(count: int) -> list[str]:
        found: list[str] = []
        stream = service.stream(messages(*TASKS[0]), given)
        async for chunk in stream:
            found.append(chunk.text)
            if len(found) == count:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    whole = asyncio.run(pieces(1000))
    assert "".join(whole) == asked(service, TASKS[0]).text
    assert len(whole) > 10
    for count in (1, 2, len(whole) // 2):
        assert asyncio.run(pieces(count)) == whole[:count]
    assert asked(service, TASKS[0]).text == "".join(whole)


@pytest.mark.local_model
def test_a_plan_that_meets_the_token_limit_is_cut_there(service: LlamaService) -> None:
    whole = asked(service, TASKS[0])
    for limit in (1, 2, 7, 30):
        cut = asked(service, TASKS[0], max_tokens=limit)
        assert cut.usage.completion_tokens == limit
        assert cut.finish_reason == "length"
        assert whole.text.startswith(cut.text)


@pytest.mark.local_model
def test_a_planner_plans_the_same_twice(service: LlamaService) -> None:
    kernel = Kernel(service=service)
    kernel.add_skill(Letters())
    planner = SequentialPlanner(kernel, strategy="one-shot", max_tokens=60)
    first, second = (planned(planner) for _ in range(2))
    assert first == second


def planned(planner: SequentialPlanner) -> str:
    try:
        return str(planner.create_plan_sync("Send the input to Ann"))
    except PlannerError as error:  # the small model may write for ever
        return str(error)
