"""Drafting: what a line may be, and plans that are valid whatever the model says."""

from __future__ import annotations

import asyncio
import random
import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drafter import GOAL, Codes, Diary, Drafter, kernel
from gbnf import Grammar
from planloom import Kernel, kernel_function
from planloom.errors import ServiceError
from planloom.planners import Executor, Plan, PlanNotPossible, SequentialPlanner
from planloom.planners.choices.clauses import Piece
from planloom.planners.choices.draft import Asked, DraftCall, Given, Output
from planloom.planners.choices.draft import Literal as Text
from planloom.planners.drafting.copies import Said, copied, copy_rules, numbers_in, without_article
from planloom.planners.drafting.line_grammar import Labels, label, next_lines
from planloom.planners.drafting.line_reader import read_line
from planloom.planners.drafting.lookup import looked_up
from planloom.planners.drafting.near import nearest, offer
from planloom.planners.drafting.prompt import NOTHING, draft_messages
from planloom.planners.drafting.written import Written
from planloom.planners.errors import AnswerCutError
from planloom.planners.sequential import Strategy
from planloom.planners.writing import PlanText
from planloom.services import ChatMessage, LlamaService, ScriptedService, Settings


def drafter(*lines: str) -> Drafter:
    left = [*lines, ""]
    return Drafter(lambda messages, settings: left.pop(0))


def plan(service: Drafter, goal: str = GOAL, inputs: Sequence[str] = ("INPUT",), **options: Any) -> Plan:
    planner = SequentialPlanner(kernel(service), embed=None, **options)
    return asyncio.run(planner.create_plan(goal, inputs=inputs))


# -- what may be copied --------------------------------------------------------------------------------


@given(st.text(max_size=60), st.integers(0, 10**6))
@example(GOAL, 0)
@example('"', 0)
def test_what_may_be_copied_stands_in_the_goal(goal: str, seed: int) -> None:
    rules = copy_rules(goal)
    if not rules:
        assert not copied(goal).replace('"', "").replace(" ", "")
        return
    grammar = Grammar("\n".join(["root ::= copy", *(f"{name} ::= {body}" for name, body in rules.items())]))
    text = grammar.sample(random.Random(seed))
    assert text in copied(goal)
    assert text
    assert '"' not in text


def test_a_whole_goal_may_be_copied() -> None:
    rules = copy_rules("Say 你好 to Bob")
    assert rules["copy-0"] == '"Say" (" " copy-1)?'
    assert rules["copy-1"] == '"你" (copy-2)?'
    assert rules["copy"] == "copy-0 | copy-1 | copy-2 | copy-3 | copy-4"


@pytest.mark.parametrize(
    ("goal", "numbers"),
    [
        ("Heat it to 23.5 degrees for ten minutes", ["23.5", "10"]),
        ("twenty-five or Twenty five, not twentyfive", ["25"]),
        ("two hundred and five, a dozen, three thousand five hundred", ["205", "12", "3500"]),
        ("two million three hundred thousand, and nineteen", ["2300000", "19"]),
        ("one, two and ninety", ["1", "2", "90"]),
        ("Transfer 1,500.75 dollars or 12,345,678; 1,50 is two", ["1500.75", "12345678", "1", "50", "2"]),
        ("Set it to -5, not 3-4 or \u22126.5", ["-5", "3", "4", "-6.5"]),
        ("3 million and 2.5 thousand", ["3000000", "2500"]),
        ("On 2024-05-01 from 192.168.1.1", ["2024", "05", "01", "192.168", "1.1"]),
        ("给李明订两晚，调到百分之三十", ["2", "30"]),
        ("转账三万五千元，再转1.5万", ["15000", "35000"]),
        ("二零二五年零下五度，两千克，一百零五，3千克", ["3", "2025", "-5", "2", "105"]),
        ("nothing, 万一 and hundred", ["100", "1"]),
    ],
)
def test_numbers_are_those_that_the_goal_says(goal: str, numbers: list[str]) -> None:
    assert numbers_in(goal) == numbers


def test_an_article_belongs_to_no_name() -> None:
    said = ["the living room", "a cafe", "an old song", "the train is late", "The Hague", "theatre", "a"]
    kept = ["living room", "cafe", "old song", "the train is late", "The Hague", "theatre", "a"]
    assert [without_article(text) for text in said] == kept


# -- a line --------------------------------------------------------------------------------------------


def line_grammar(functions: Sequence[Any], inputs: Sequence[str], labels: Labels, copies: Any) -> str:
    return next_lines(functions, inputs, labels, Said(copies, ["5", "2.5"])).grammar()


def calls_in(grammar: str) -> list[str]:
    root = grammar.splitlines()[0]
    return [name for name in kernel().functions if f'"{name}"' in root]


def test_the_first_line_may_give_up_and_a_later_one_may_end() -> None:
    functions = kernel().functions
    first = line_grammar(list(functions.values()), ["INPUT"], {}, copy_rules(GOAL)).splitlines()[0]
    made = DraftCall(functions["People.phone"], {}, Piece(GOAL, 0))
    later = line_grammar(list(functions.values()), [], {"phone": made}, copy_rules(GOAL)).splitlines()[0]
    assert first.startswith('root ::= "none\\n" | ')
    assert later.startswith('root ::= "" | ')
    assert '"none' not in later


def argument(grammar: str, function: str, parameter: str) -> str:
    """What a line's own call of ``function`` may pass for ``parameter``."""
    call = grammar.splitlines()[0].partition(f'"{function}"')[2].partition('"\\n"')[0]
    return re.split(r'\) \(?" ', call.partition(f'" {parameter}=" (')[2])[0].strip()


def test_a_record_is_only_taken_from_what_gives_it() -> None:
    functions = kernel().functions
    slot = DraftCall(functions["Diary.free"], {}, Piece(GOAL, 0))
    first = line_grammar(list(functions.values()), ["INPUT"], {}, copy_rules(GOAL))
    later = line_grammar(list(functions.values()), ["INPUT"], {"free": slot}, copy_rules(GOAL))
    alone = line_grammar([functions["Diary.book"]], ["INPUT"], {}, copy_rules(GOAL))
    inside = f"call-2-{list(functions).index('Diary.free')}"
    assert argument(first, "Diary.book", "slot") == f'"(" {inside} (")")'
    assert argument(later, "Diary.book", "slot") == f'"$free" | "(" {inside} (")")'
    assert "Diary.book" not in calls_in(alone)


def test_a_field_is_taken_where_it_fits() -> None:
    functions = kernel().functions
    slot = DraftCall(functions["Diary.free"], {}, Piece(GOAL, 0))
    later = line_grammar(list(functions.values()), ["INPUT"], {"free": slot}, copy_rules(GOAL))
    assert '"$free.number" | "$free.hour"' in argument(later, "Diary.cancel", "number")
    assert "$free.hour" not in argument(later, "Diary.book", "slot")


def test_a_list_is_no_text_and_a_text_no_list() -> None:
    functions = kernel().functions
    days = DraftCall(functions["Diary.days"], {}, Piece(GOAL, 0))
    later = line_grammar(list(functions.values()), [], {"days": days}, copy_rules(GOAL))
    inside = f"call-2-{list(functions).index('Diary.days')}"
    assert argument(later, "Diary.mark", "days") == f'"$days" | "(" {inside} (")"))'
    assert "days" not in argument(later, "People.phone", "person")


def test_what_acts_stands_in_no_other_call() -> None:
    functions = list(kernel().functions.values())
    grammar = line_grammar(functions, ["INPUT"], {}, copy_rules(GOAL))
    inside = {
        line.partition(" ")[2].split('"')[1] for line in grammar.splitlines()[1:] if line.startswith("call-")
    }
    assert inside == {"People.phone", "Diary.free", "Diary.days"}


def test_a_line_is_read() -> None:
    functions = kernel().functions
    free = DraftCall(functions["Diary.free"], {}, Piece(GOAL, 0))
    line = 'Diary.cancel number=$free.number at="2.5"\n'
    call = read_line(line, functions, ["INPUT"], {"free": free}, Piece(GOAL, 0))
    assert call.values == {"number": Output(free, "number"), "at": Text("2.5")}
    text = read_line(
        'People.text number=? message=$INPUT urgent="true"\n', functions, ["INPUT"], {}, Piece(GOAL, 0)
    )
    assert text.values == {"number": Asked("number?"), "message": Given("INPUT"), "urgent": Text("true")}


def test_the_name_of_an_input_stands_for_it() -> None:
    line = 'People.text number="the meeting point" message="the input"\n'
    call = read_line(line, kernel().functions, ["INPUT", "meeting_point"], {}, Piece(GOAL, 0))
    assert call.values == {"number": Given("meeting_point"), "message": Given("INPUT")}


def test_a_member_of_a_closed_type_is_no_input_and_keeps_its_words() -> None:
    def send(channel: Literal["email", "sms", "a day"], text: str) -> None: ...

    made = Kernel()
    made.add_function(send, skill="Post")
    line = 'Post.send channel="{}" text="the email"\n'
    inputs = ["INPUT", "email"]
    read = [read_line(line.format(c), made.functions, inputs, {}, Piece(GOAL, 0)) for c in ("email", "a day")]
    assert [call.values["channel"] for call in read] == [Text("email"), Text("a day")]
    assert read[0].values["text"] == Given("email")


def test_an_output_is_not_called_as_an_input_is() -> None:
    written = Written(None, ["phone"])
    written.add("", DraftCall(kernel().functions["People.phone"], {}, Piece(GOAL, 0)))
    assert list(written.calls) == ["phone2"]


class Odd:
    """Functions that plans must name otherwise."""

    @kernel_function(effect="read")
    def text_2_speech(self, text: str) -> str:
        """Turn text into speech."""
        return text

    @kernel_function
    def events(self, after: str, tags: typing.List = ()) -> typing.List:  # type: ignore[type-arg,assignment] # noqa: UP006
        """Show events."""
        return [after]


@pytest.mark.parametrize("strategy", ["draft", "one-shot"])
def test_odd_names_and_types_make_plans(strategy: Strategy) -> None:
    made = Kernel(drafter('Odd.events after_=(Odd.text_2_speech text="noon")\n'))
    if strategy == "one-shot":
        made = Kernel(ScriptedService(['<plan><function.Odd.events after_="noon"/></plan>']))
    made.add_skill(Odd())
    planned = SequentialPlanner(made, strategy=strategy, embed=None).create_plan_sync(
        "Show what comes at noon"
    )
    assert [step.name for step in planned.steps][-1] == "Odd.events"
    assert Executor(made).run_sync(planned).steps


def test_calls_inside_a_line_are_read() -> None:
    functions = kernel().functions
    line = 'Diary.cancel number=(Diary.free day=(People.phone person="Bob") hours="2").number at="1"\n'
    call = read_line(line, functions, [], {}, Piece(GOAL, 0))
    free = call.values["number"]
    assert isinstance(free, Output)
    assert (free.call.function.name, free.field, free.call.values["hours"]) == ("free", "number", Text("2"))
    phone = free.call.values["day"]
    assert isinstance(phone, Output)
    assert phone.call.values == {"person": Text("Bob")}


@pytest.mark.parametrize(
    "line",
    [
        'Diary.days most=(Diary.days most="1"\n',
        "Diary.days most=$days.\n",
        "",
        "Nobody.knows\n",
        "People.phone name=?\n",
        "People.phone person=$x\n",
        "People.phone and more\n",
    ],
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(line, kernel().functions, ["INPUT"], {}, Piece(GOAL, 0))


def test_outputs_of_one_function_are_numbered() -> None:
    phone = kernel().functions["People.phone"]
    call = DraftCall(phone, {}, Piece(GOAL, 0))
    assert [
        label(phone.name, {}),
        label(phone.name, {"phone": call}),
        label(phone.name, {"phone": call, "phone2": call}),
    ] == [
        "phone",
        "phone2",
        "phone3",
    ]


# -- look-ups that are missing -------------------------------------------------------------------------


def looked_up_in(line: str) -> list[str]:
    made = Kernel()
    made.add_skill(Codes())
    made.add_skill(Diary())
    functions = dict(made.functions)
    return looked_up(line, read_line(line, functions, [], {}, Piece(GOAL, 0)), list(functions.values()))


def test_a_code_may_be_looked_up_by_the_text_that_stands_in_its_place() -> None:
    assert looked_up_in('Codes.holiday place="Poland" next="May"\n') == [
        'Codes.holiday place=(Codes.iso country="Poland") next="May"\n'
    ]


def test_what_is_looked_up_is_not_looked_up_again() -> None:
    assert looked_up_in('Codes.holiday place=(Codes.iso country="Poland")\n') == []
    assert looked_up_in('Codes.iso country="Poland"\n') == []


def test_a_number_of_a_slot_may_be_a_field_of_what_is_looked_up() -> None:
    assert 'Diary.cancel number=(Diary.free day="May").number at="2.5"\n' in looked_up_in(
        'Diary.cancel number="May" at="2.5"\n'
    )


# -- whole plans ---------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.sampled_from([GOAL, "x", "把钱$寄给 Bob", "a & b <c> 'd'"]))
def test_every_draft_is_a_valid_plan(seed: int, goal: str) -> None:
    chance = random.Random(seed)
    service = Drafter(lambda messages, settings: Grammar(settings.grammar or "").sample(chance))
    try:
        made = plan(service, goal, inputs=["INPUT", "who"])
    except PlanNotPossible:
        return
    except AnswerCutError as error:
        assert "no end after 16 calls" in str(error)
        return
    assert not made.diagnostics or all(found.severity != "error" for found in made.diagnostics)
    assert str(Plan.parse(str(made), kernel(), inputs=["INPUT", "who"])) == str(made)


def test_a_change_that_is_wanted_twice_is_made_twice() -> None:
    once, other = 'People.text number="1" message="a"\n', 'People.text number="2" message="a"\n'
    assert str(plan(drafter(once, other, once))).count("People.text") == 3


def test_a_model_that_says_the_same_again_is_done() -> None:
    once, look = 'People.text number="1" message="a"\n', 'People.phone person="Bob"\n'
    assert str(plan(drafter(once, once, look))).count("<function.") == 1
    assert str(plan(drafter(look, once, look, once))).count("<function.") == 2


def test_a_plan_is_written_call_by_call() -> None:
    service = drafter('People.phone person="Bob"\n', 'People.text number=$phone message="dinner"\n')
    made = plan(service)
    assert [line.strip() for line in str(made).splitlines()[1:3]] == [
        '<function.People.phone person="Bob" setContextVariable="PHONE"/>',
        '<function.People.text number="$PHONE" message="dinner"/>',
    ]
    shown = [messages[-1] for messages, _ in service.requests]
    assert shown[0].role == "user"
    assert shown[2] == ChatMessage(
        "assistant", 'People.phone person="Bob"\nPeople.text number=$phone message="dinner"\n'
    )
    assert all(settings.extra["adapter"] == "drafts" for _, settings in service.requests)
    assert made.usage.calls == 3


def test_outputs_that_nothing_takes_are_reported_if_they_are_several() -> None:
    one = plan(drafter('People.phone person="Bob"\n'))
    two = plan(drafter('People.phone person="Bob"\n', 'Diary.days most="3"\n'))
    assert "appendToResult" not in str(one)
    assert str(two).count("appendToResult") == 2


def test_no_call_is_made_twice() -> None:
    text = 'People.text number=(People.phone person="Bob") message={}\n'
    made = plan(drafter(text.format('"dinner"'), text.format("$INPUT")))
    assert str(made).count("People.phone") == 1
    assert str(made).count("People.text") == 2


def test_a_call_that_comes_again_ends_the_draft() -> None:
    made = plan(
        drafter('People.phone person="Bob"\n', 'People.phone person="Bob"\n', 'Diary.days most="3"\n')
    )
    assert str(made).count("<function.") == 1


def test_what_cannot_be_done_is_named() -> None:
    with pytest.raises(PlanNotPossible, match=r"People\.phone"):
        plan(drafter(NOTHING))


def test_a_line_that_is_cut_is_named() -> None:
    with pytest.raises(AnswerCutError, match="512 tokens"):
        plan(drafter('People.phone person="Bob'))


def test_the_plan_is_told_as_it_is_written() -> None:
    planner = SequentialPlanner(kernel(drafter('People.phone person="Bob"\n')), embed=None)

    async def told() -> list[Any]:
        return [event async for event in planner.stream_plan(GOAL)]

    events = asyncio.run(told())
    texts = [event.text for event in events if isinstance(event, PlanText)]
    assert "".join(texts) == str(events[-1].plan) + "\n" or "".join(texts) == str(events[-1].plan)


def test_a_service_without_the_adapter_is_refused() -> None:
    service = drafter()
    service.adapters = ()
    with pytest.raises(ServiceError, match="draft"):
        plan(service, strategy="draft")


# -- the prompt ----------------------------------------------------------------------------------------


def test_what_many_goals_share_comes_first() -> None:
    functions = list(kernel().functions.values())
    one, two = (
        draft_messages(goal, functions, ["INPUT"], [["People.text"], ["a", "b"]]) for goal in ("a\nb", "c")
    )
    assert one[0] == two[0]
    assert one[1].content == "a b\nInputs: INPUT\nNear: People.text; a, b"


def test_the_nearest_of_each_clause_are_named() -> None:
    names = ["a", "b", "c", "d", "e"]
    assert nearest([[5, 4, 3, 2, 1]], names) == [["a", "b", "c", "d"]]
    assert nearest([[5, 4, 0, 0, 0], [0, 4, 5, 0, 0]], names) == [["a", "b"], ["c", "b"]]


# -- the bundled model ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled() -> Iterator[LlamaService]:
    pytest.importorskip("llama_cpp")
    service = LlamaService(prefix_bytes=0)
    yield service
    asyncio.run(service.close())


@pytest.mark.local_model
def test_the_bundled_model_drafts(bundled: LlamaService) -> None:
    planner = SequentialPlanner(kernel(bundled), embed=None)
    made = planner.create_plan_sync("What is Bob's phone number?")
    again = planner.create_plan_sync("What is Bob's phone number?")
    assert str(again) == str(made)
    assert '<function.People.phone person="Bob"/>' in str(made)


@pytest.mark.local_model
def test_an_adapter_changes_only_the_calls_that_name_it(bundled: LlamaService) -> None:
    asked = [ChatMessage("user", "Say hello.")]
    plain = Settings(temperature=0.0, max_tokens=8)
    tuned = Settings(temperature=0.0, max_tokens=8, extra={"adapter": "drafts"})
    first, other, again = (
        asyncio.run(bundled.complete(asked, settings)).text for settings in (plain, tuned, plain)
    )
    assert first == again != other


@pytest.mark.local_model
def test_an_unknown_adapter_is_named(bundled: LlamaService) -> None:
    with pytest.raises(ServiceError, match="no adapter 'poems'; there are: drafts"):
        asyncio.run(bundled.complete([ChatMessage("user", "x")], Settings(extra={"adapter": "poems"})))


@pytest.mark.local_model
def test_an_answer_that_was_begun_is_continued(bundled: LlamaService) -> None:
    asked = [
        ChatMessage("user", "Count from one to five in digits."),
        ChatMessage("assistant", "1, 2, 3, 4,"),
    ]
    assert (
        asyncio.run(bundled.complete(asked, Settings(temperature=0.0, max_tokens=2))).text.strip()[:1] == "5"
    )


# -- many functions ------------------------------------------------------------------------------------


class Nearby:
    """Nearness to functions by their place in the alphabet, of a goal that is a name."""

    async def of(self, request: str, functions: Sequence[Any]) -> list[float]:
        return [float(function.full_name == request) for function in functions]


def many(count: int) -> dict[str, Any]:
    phone = kernel().functions["People.phone"]
    functions = [replace(phone, name=f"f{number:05}") for number in range(count)]
    return {function.full_name: function for function in functions}


@pytest.mark.parametrize("count", [3, 24, 25, 200, 201, 10_000])
def test_of_many_functions_those_that_matter_are_offered(count: int) -> None:
    functions = many(count)
    found = asyncio.run(offer("People.f00002", functions, Nearby()))  # type: ignore[arg-type]
    assert len(found.functions) == count if count <= 24 else 1 <= len(found.functions) <= 24
    assert "People.f00002" in found.functions
    assert found.near[0][0] == "People.f00002"
