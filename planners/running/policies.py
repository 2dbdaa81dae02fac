"""Policies that ship. They compose: ``all_of`` lets run what every one of them lets run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from planloom.function import KernelFunction
from planloom.planners.compiling.sources import Source
from planloom.planners.running.policy import (
    Allowed,
    CallRequest,
    Decision,
    Denied,
    ForesightPolicy,
    NeedsApproval,
    PlannedCall,
    Policy,
)

__all__ = [
    "TRUSTED",
    "AllowAll",
    "AllowNames",
    "ArgumentSources",
    "AskBeforeWrites",
    "DenyNames",
    "all_of",
    "idle_patterns",
]

TRUSTED = ("user", "literal")
"""What the user said, and what the plan says: no step's output."""
WILD = frozenset("*?[")


class AllowAll:
    """Every call may run."""

    def decide(self, request: CallRequest) -> Decision:
        return Allowed()

    def foresee(self, call: PlannedCall) -> Decision:
        return Allowed()


class AskBeforeWrites:
    """What changes something needs a yes; ``except_for`` are globs of functions that do not."""

    def __init__(self, except_for: Sequence[str] = ()) -> None:
        self.except_for = _patterns(except_for)

    def decide(self, request: CallRequest) -> Decision:
        return self._on(request.function)

    def foresee(self, call: PlannedCall) -> Decision:
        return self._on(call.function)

    def _on(self, function: KernelFunction) -> Decision:
        if function.effect != "write" or _named(function, self.except_for):
            return Allowed()
        return NeedsApproval(f"{function.full_name} changes something")


class DenyNames:
    """Functions whose full name fits one of the globs must not run: ``DenyNames("File.*", "*.delete*")``."""

    def __init__(self, *patterns: str) -> None:
        self.patterns = _patterns(patterns)

    def decide(self, request: CallRequest) -> Decision:
        return self._on(request.function)

    def foresee(self, call: PlannedCall) -> Decision:
        return self._on(call.function)

    def _on(self, function: KernelFunction) -> Decision:
        denied = _named(function, self.patterns)
        return Denied(f"{function.full_name} is among what is denied") if denied else Allowed()


class AllowNames:
    """Only functions whose full name fits one of the globs may run."""

    def __init__(self, *patterns: str) -> None:
        self.patterns = _patterns(patterns)

    def decide(self, request: CallRequest) -> Decision:
        return self._on(request.function)

    def foresee(self, call: PlannedCall) -> Decision:
        return self._on(call.function)

    def _on(self, function: KernelFunction) -> Decision:
        allowed = _named(function, self.patterns)
        return Allowed() if allowed else Denied(f"{function.full_name} is not among what is allowed")


class ArgumentSources:
    """Arguments take only values that come from the sources named for them.

    A value has every source that went into it, through text, lists, loops and functions, and each must fit
    one of the patterns (see ``Source.matches``). So a contact found for a name that was read on a web page
    has both sources, and ``["user", "literal", "Contacts.*"]`` refuses it.

    Args:
        rules: patterns of sources by argument, as ``"Emailer.sendEmail.emailAddress"``; both the function
            and the parameter may be globs. Arguments that no rule names take anything; of several rules
            that name one, all count.
        strict: whether the conditions and lists that decide whether a call is made count as its sources.
        otherwise: what to do with a value from elsewhere.

    Raises:
        ValueError: a rule names no argument, or its patterns are not a list.
    """

    def __init__(
        self,
        rules: Mapping[str, Sequence[str]],
        *,
        strict: bool = False,
        otherwise: Literal["deny", "ask"] = "deny",
    ) -> None:
        self.rules = tuple(_rule(key, patterns) for key, patterns in rules.items())
        self.strict = strict
        self.refusal: Callable[[str], Decision] = Denied if otherwise == "deny" else NeedsApproval

    def decide(self, request: CallRequest) -> Decision:
        planned = request.planned or PlannedCall(request.step, request.function)
        return self.foresee(planned)

    def foresee(self, call: PlannedCall) -> Decision:
        faults = [fault for rule in self.rules for fault in self._faults(rule, call)]
        return self.refusal("; ".join(dict.fromkeys(faults))) if faults else Allowed()

    def _faults(self, rule: _Rule, call: PlannedCall) -> list[str]:
        function, argument, accepted = rule
        if not fnmatchcase(call.function.full_name.lower(), function):
            return []
        names = [item.name for item in call.function.parameters if fnmatchcase(item.name.lower(), argument)]
        if not names and not set(function + argument) & WILD:
            # a rule that guards nothing because of a slip must not pass for one that is kept
            known = ", ".join(item.name for item in call.function.parameters)
            return [f"a rule is about {argument!r}, and {call.function.full_name} takes {known or 'nothing'}"]
        return [fault for name in names if (fault := self._fault(name, accepted, call))]

    def _fault(self, name: str, accepted: tuple[str, ...], call: PlannedCall) -> str:
        known = call.strict_sources if self.strict else call.sources
        if name not in known:
            return f"nobody knows where {name} comes from"
        foreign = [source for source in known[name] if not any(map(source.matches, accepted))]
        return f"{name} comes from {_listed(foreign)}" if foreign else ""


_Rule = tuple[str, str, tuple[str, ...]]


def _rule(key: str, patterns: Sequence[str]) -> _Rule:
    function, _, argument = key.rpartition(".")
    if "." not in function and "*" not in function:
        raise ValueError(f"a rule is about an argument, such as 'Skill.function.argument', not {key!r}")
    if isinstance(patterns, str):
        raise ValueError(f"a rule takes a list of patterns: {{{key!r}: [{patterns!r}]}}")
    return function.lower(), argument.lower(), tuple(patterns)


def _listed(sources: Sequence[Source]) -> str:
    return ", ".join(sorted(map(str, sources)))


def all_of(*policies: Policy) -> ForesightPolicy:
    """A policy that denies what one of them denies, and asks, once, for every reason that one has to ask."""
    return _AllOf(policies)


class _AllOf:
    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)

    def decide(self, request: CallRequest) -> Decision:
        return _together([policy.decide(request) for policy in self.policies])

    def foresee(self, call: PlannedCall) -> Decision:
        foreseeing = [policy for policy in self.policies if isinstance(policy, ForesightPolicy)]
        return _together([policy.foresee(call) for policy in foreseeing])


def idle_patterns(policy: Policy, functions: Iterable[KernelFunction]) -> tuple[str, ...]:
    """The patterns of a policy that ships which name a skill, and fit none of ``functions``: slips, perhaps.

    ``*.delete*`` names no skill: such a pattern may be kept for functions that come later.
    """
    functions = tuple(functions)
    named = [pattern for pattern in _patterns_of(policy) if not set(pattern.partition(".")[0]) & WILD]
    idle = [pattern for pattern in named if not any(_named(function, [pattern]) for function in functions)]
    return tuple(dict.fromkeys(idle))


def _patterns_of(policy: Policy) -> tuple[str, ...]:
    match policy:
        case DenyNames() | AllowNames():
            return policy.patterns
        case AskBeforeWrites():
            return policy.except_for
        case ArgumentSources():
            return tuple(function for function, _, _ in policy.rules)
        case _AllOf():
            return tuple(pattern for inner in policy.policies for pattern in _patterns_of(inner))
        case _:
            return ()


def _together(decisions: Sequence[Decision]) -> Decision:
    denied = [decision.reason for decision in decisions if isinstance(decision, Denied)]
    asked = [decision.reason for decision in decisions if isinstance(decision, NeedsApproval)]
    unknown = [decision for decision in decisions if not isinstance(decision, Decision)]
    if unknown:
        return unknown[0]  # refused where a single policy's would be
    if denied:
        return Denied("; ".join(denied))
    return NeedsApproval("; ".join(asked)) if asked else Allowed()


def _patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        raise ValueError(f"it takes several globs: ({patterns!r},)")
    return tuple(pattern.lower() for pattern in patterns)


def _named(function: KernelFunction, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(function.full_name.lower(), pattern) for pattern in patterns)
