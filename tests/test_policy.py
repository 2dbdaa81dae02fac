"""Policies: what each decides, how they compose, and that a run does what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from planloom import Kernel, kernel_function
from planloom.planners import (
    TRUSTED,
    AllowAll,
    Allowed,
    AllowNames,
    ApprovalRequested,
    ArgumentSources,
    AskBeforeWrites,
    CallDenied,
    CallNotApproved,
    CallRequest,
    Denied,
    DenyNames,
    Event,
    Executor,
    NeedsApproval,
    Plan,
    PlanError,
    Policy,
    RunResult,
    Sourced,
    StepError,
    all_of,
)
from planloom.planners.running.gate import foresee


class Office:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    @kernel_function(effect="read", source="web")
    def read(self, url: str) -> str:
        """Read a page."""
        return f"the page at {url}"

    @kernel_function(effect="read", touches=("contacts",))
    def find(self, name: str) -> str:
        """Find an address."""
        return f"{name}@example.com"

    @kernel_function(touches=("mail",))
    def send(self, to: str, body: str) -> str:
        """Send a mail."""
        self.sent.append((to, body))
        return f"sent to {to}"


RULE = {"Office.send.to": [*TRUSTED, "Office.find"]}
TO_CONTACT = (
    '<function.Office.find name="Ada" setContextVariable="A"/><function.Office.send to="$A" body="$INPUT"/>'
)
TO_PAGE = '<function.Office.read url="u" setContextVariable="P"/><function.Office.send to="$P" body="x"/>'
BODY_PAGE = '<function.Office.read url="u" setContextVariable="P"/><function.Office.send to="me" body="$P"/>'
FOUND_ON_PAGE = (
    '<function.Office.read url="u" setContextVariable="P"/>'
    '<function.Office.find name="$P" setContextVariable="A"/><function.Office.send to="$A" body="x"/>'
)
PAGE_DECIDES = (
    '<function.Office.read url="u" setContextVariable="P"/>'
    '<if condition="$P == 1"><function.Office.send to="me" body="x"/></if>'
)


def office() -> tuple[Office, Kernel]:
    skill, kernel = Office(), Kernel()
    kernel.add_skill(skill)
    return skill, kernel


def run(
    xml: str, policy: Policy, variables: Mapping[str, Any] | None = None, **options: Any
) -> tuple[RunResult, Office]:
    skill, kernel = office()
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel)
    result = asyncio.run(Executor(kernel, policy=policy, **options).run(plan, variables or {"INPUT": "hi"}))
    return result, skill


def refusal(xml: str, policy: Policy) -> str:
    """What a policy says of a plan before it runs."""
    skill, kernel = office()
    plan = Plan.parse(f"<plan>{xml}</plan>", kernel)
    with pytest.raises(PlanError) as caught:
        plan.check_policy(policy)
    with pytest.raises(PlanError) as again:
        asyncio.run(Executor(kernel, policy=policy).run(plan, {"INPUT": "hi"}))
    assert str(again.value) == str(caught.value)
    assert {found.code for found in caught.value.errors} == {"policy-denied"}
    assert skill.sent == []
    return caught.value.errors[0].message


async def yes(request: CallRequest, reason: str) -> bool:
    return True


# -- the ready-made ones ---------------------------------------------------------------------------


def test_allow_all_allows_all() -> None:
    assert run(TO_PAGE, AllowAll())[1].sent == [("the page at u", "x")]


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (DenyNames("Office.s*"), "Office.send is among what is denied"),
        (DenyNames("nothing", "office.SEND"), "Office.send is among what is denied"),
        (AllowNames("Office.find", "Office.r*"), "Office.send is not among what is allowed"),
        (ArgumentSources(RULE), "to comes from Office.read (web)"),
        (ArgumentSources({"*.to": TRUSTED}), "to comes from Office.read (web)"),
        (ArgumentSources({"Office.*.*": TRUSTED}), "to comes from Office.read (web)"),
        (ArgumentSources({"office.SEND.TO": ["USER"]}), "to comes from Office.read (web), literal"),
        (ArgumentSources({"Office.send.address": ["*"]}),
         "a rule is about 'address', and Office.send takes to, body"),
    ],
)  # fmt: skip
def test_what_is_sure_to_be_denied_is_told_before_the_run(policy: Policy, says: str) -> None:
    assert refusal(TO_PAGE, policy) == f"the policy denies Office.send: {says}"


@pytest.mark.parametrize(
    ("xml", "policy"),
    [
        (TO_CONTACT, ArgumentSources(RULE)),
        (BODY_PAGE, ArgumentSources(RULE)),
        (TO_PAGE, ArgumentSources({"Office.send.to": ["web", "literal"]})),
        (TO_PAGE, DenyNames("Offic", "send", "Office.sen")),
        (TO_PAGE, ArgumentSources({"Other.send.to": []})),
        (PAGE_DECIDES, ArgumentSources(RULE)),
    ],
)
def test_what_keeps_the_rules_runs(xml: str, policy: Policy) -> None:
    run(xml, policy)


def test_a_contact_that_a_page_named_is_not_the_users() -> None:
    assert "Office.read (web)" in refusal(FOUND_ON_PAGE, ArgumentSources(RULE))


def test_in_strict_mode_a_page_must_not_decide_whether_a_call_is_made() -> None:
    assert "to comes from Office.read (web)" in refusal(PAGE_DECIDES, ArgumentSources(RULE, strict=True))


def test_an_input_that_came_by_mail_is_not_the_users() -> None:
    policy = ArgumentSources({"Office.send.to": TRUSTED})
    xml = '<function.Office.send to="$INPUT" body="x"/>'
    assert run(xml, policy)[1].sent == [("hi", "x")]
    with pytest.raises(PlanError, match="to comes from mail"):
        run(xml, policy, {"input": Sourced("evil@example.com", "mail")})


@pytest.mark.parametrize("rule", [{"to": ["user"]}, {"Office.send.to": "user"}])
def test_a_rule_that_says_nothing_is_refused(rule: Any) -> None:
    with pytest.raises(ValueError, match="a rule"):
        ArgumentSources(rule)


def test_a_request_of_which_nothing_is_known_breaks_every_rule() -> None:
    function = office()[1].functions["Office.send"]
    decision = ArgumentSources(RULE).decide(CallRequest("1", function, {"to": "me", "body": ""}))
    assert decision == Denied("nobody knows where to comes from")


def test_asking_before_writes() -> None:
    policy = AskBeforeWrites()
    assert run(TO_CONTACT, policy, approve=yes)[1].sent == [("Ada@example.com", "hi")]
    with pytest.raises(StepError, match=r"it was not approved: Office\.send changes something") as caught:
        run(TO_CONTACT, policy)
    assert isinstance(caught.value.__cause__, CallNotApproved)
    assert run(TO_CONTACT, AskBeforeWrites(except_for=["Office.*"]))[1].sent


def test_asking_for_values_from_elsewhere() -> None:
    policy = ArgumentSources(RULE, otherwise="ask")
    with pytest.raises(
        StepError, match=r"not approved: to comes from Office.read \(web\), and nobody can be"
    ):
        run(TO_PAGE, policy)
    assert run(TO_PAGE, policy, approve=yes)[1].sent


def test_what_would_be_asked_is_known_before_the_run() -> None:
    plan = Plan.parse(f"<plan>{TO_CONTACT}</plan>", office()[1])
    told = [(call.step, decision) for call, decision in foresee(plan, AskBeforeWrites())]
    assert told == [("1", Allowed()), ("2", NeedsApproval("Office.send changes something"))]
    plan.check_policy(AskBeforeWrites())


# -- composing -------------------------------------------------------------------------------------


def test_all_of_denies_what_one_denies_and_asks_once_for_all_reasons() -> None:
    asked: list[str] = []

    async def note(request: CallRequest, reason: str) -> bool:
        asked.append(reason)
        return True

    both = all_of(AskBeforeWrites(), ArgumentSources(RULE, otherwise="ask"))
    run(TO_PAGE, both, approve=note)
    assert asked == ["Office.send changes something; to comes from Office.read (web)"]
    denied = all_of(AskBeforeWrites(), DenyNames("*.send"), DenyNames("Office.*"))
    assert refusal(TO_CONTACT, denied) == (
        "the policy denies Office.find: Office.find is among what is denied"
    )
    run(TO_PAGE, all_of())


class Late:
    """Knows only at the call, from its exact arguments."""

    def decide(self, request: CallRequest) -> Allowed | Denied:
        return Denied("a secret") if "x" in str(request.arguments) else Allowed()


@pytest.mark.parametrize("policy", [Late(), all_of(Late()), all_of(AllowAll(), Late())])
def test_what_is_known_only_at_the_call_is_denied_at_the_call(policy: Policy) -> None:
    with pytest.raises(StepError, match=r"step 2 \(Office.send\).*the policy denies it: a secret") as caught:
        run(TO_PAGE, policy)
    cause = caught.value.__cause__
    assert isinstance(cause, CallDenied)
    assert (cause.reason, cause.request.step) == ("a secret", "2")
    assert [record.status for record in caught.value.done] == ["done", "failed"]


# -- fail closed -----------------------------------------------------------------------------------


class Careless:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def decide(self, request: CallRequest) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [None, True, "ok", Allowed, object()])
@pytest.mark.parametrize("composed", [False, True])
def test_what_is_no_decision_is_no_yes(answer: Any, composed: bool) -> None:
    policy: Policy = all_of(AllowAll(), Careless(answer)) if composed else Careless(answer)
    with pytest.raises(StepError, match="which is no decision"):
        run(TO_PAGE, policy)


def test_a_policy_that_fails_lets_nothing_run() -> None:
    with pytest.raises(StepError, match="ZeroDivisionError: oops"):
        run(TO_PAGE, Careless(ZeroDivisionError("oops")))


@pytest.mark.parametrize("answer", [None, 1, "yes", "no", object(), [True]])
def test_only_true_is_a_yes(answer: Any) -> None:
    async def say(request: CallRequest, reason: str) -> Any:
        return answer

    with pytest.raises(StepError, match="it was not approved"):
        run(TO_CONTACT, AskBeforeWrites(), approve=say)


def test_an_approver_that_fails_says_no() -> None:
    async def fail(request: CallRequest, reason: str) -> bool:
        raise ConnectionError("no answer")

    with pytest.raises(StepError, match="ConnectionError: no answer"):
        run(TO_CONTACT, AskBeforeWrites(), approve=fail)


def test_a_policy_sees_every_function_call_and_the_question_is_an_event() -> None:
    seen: list[Any] = []

    class Seeing:
        def decide(self, request: CallRequest) -> NeedsApproval:
            seen.append((request.step, request.function.full_name, dict(request.arguments)))
            return NeedsApproval("why not")

    events: list[Event] = []
    xml = '<foreach item="X" in="$L"><function.Office.find name="$X"/></foreach>'
    run(xml, Seeing(), {"L": ["a", "b"]}, approve=yes, listeners=[events.append])
    assert seen == [("1[0]", "Office.find", {"name": "a"}), ("1[1]", "Office.find", {"name": "b"})]
    asked = [event for event in events if isinstance(event, ApprovalRequested)]
    assert asked == [ApprovalRequested(step, name, given, "why not") for step, name, given in seen]


# -- plans inside plans ----------------------------------------------------------------------------


def nested(inner_policy: Policy | None, outer_policy: Policy | None, **options: Any) -> Office:
    """A plan that gives a page to a function which runs a plan of its own with it."""
    skill, kernel = office()
    inner = Plan.parse('<plan><function.Office.send to="$who" body="x"/></plan>', kernel)

    async def mail(who: str) -> str:
        return (await Executor(kernel, policy=inner_policy).run(inner, {"who": who})).text

    kernel.add_function(kernel_function(effect="none")(mail), skill="Library")
    outer = Plan.parse('<plan><function.Office.read url="u"/><function.Library.mail/></plan>', kernel)
    asyncio.run(Executor(kernel, policy=outer_policy, **options).run(outer))
    return skill


def test_a_plan_inside_a_step_is_under_the_policies_around_it() -> None:
    assert nested(None, None).sent == [("the page at u", "x")]
    assert nested(None, AllowAll()).sent
    with pytest.raises(StepError, match="PlanError"):
        nested(None, DenyNames("Office.send"))
    with pytest.raises(StepError, match="not approved"):
        nested(AllowAll(), AskBeforeWrites())
    assert nested(AllowAll(), AskBeforeWrites(), approve=yes).sent
    with pytest.raises(StepError, match="PlanError"):
        nested(DenyNames("Office.send"), AllowAll())


def test_what_a_step_hands_to_a_plan_inside_keeps_its_sources() -> None:
    with pytest.raises(StepError, match=r"to comes from Library\.mail, Office\.read"):
        nested(None, ArgumentSources({"Office.send.to": TRUSTED}))
    assert nested(None, ArgumentSources({"Office.send.to": [*TRUSTED, "web", "Library.*"]})).sent
