"""Redaction: what is secret in a run does not leave it by its events, records or errors.

Only a run that holds secrets has a redaction, so that all others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from planloom.errors import FunctionTimeoutError
from planloom.planners.compiling.program import Step
from planloom.planners.language.variables import variable_key
from planloom.planners.running.events import (
    ApprovalRequested,
    Event,
    PlanFinished,
    PlanStarted,
    StepFailed,
    StepFinished,
    StepOutput,
    StepRestored,
    StepStarted,
)
from planloom.planners.running.origins import HIDDEN, Origins
from planloom.planners.running.records import StepRecord
from planloom.planners.running.run_errors import NotAllowed, RunError, WithheldError
from planloom.planners.running.scheduler import Fault, StepCall

__all__ = ["Redaction"]


SPEAKABLE = (RunError, NotAllowed, FunctionTimeoutError)
"""Errors whose words are ours or a policy's, and hold no value."""


class Redaction:
    """Replaces secret arguments, values and the words of errors that may hold them."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self._steps = {step.label: step for step in origins.plan.steps}
        self._hidden = {label: self._keys(step) for label, step in self._steps.items()}

    def _keys(self, step: Step) -> frozenset[str]:
        """The secret arguments, by plan name and by Python name."""
        names = self.origins.secret_arguments(step)
        parameters = step.function.parameters if step.function else ()
        return names | {parameter.key for parameter in parameters if parameter.name in names}

    # -- events ------------------------------------------------------------------------------------------

    def listener(self, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        """``emit``, given events with nothing secret in them."""
        return lambda event: emit(self.event(event))

    def event(self, event: Event) -> Event:
        match event:
            case PlanStarted():
                return event._replace(inputs=self.inputs(event.inputs))
            case StepStarted() | ApprovalRequested():
                return event._replace(arguments=self.arguments(event.step, event.arguments))
            case StepOutput():
                return event._replace(text=HIDDEN) if self._output(event.step) else event
            case StepFinished() | StepRestored():
                return event._replace(value=HIDDEN) if self._output(event.step) else event
            case StepFailed():
                return event._replace(error=self.error(event.step, event.error))
            case PlanFinished():
                return event._replace(text=self._text(event.text))

    def inputs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: HIDDEN if self.origins.secret_input(name) else value for name, value in given.items()}

    def arguments(self, label: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        hidden = self._hidden[_number(label)]
        if not hidden:
            return arguments
        return {name: HIDDEN if name in hidden else value for name, value in arguments.items()}

    def _output(self, label: str) -> bool:
        return self.origins.secret_output(self._steps[_number(label)])

    def _text(self, text: str) -> str:
        return HIDDEN if text and self.origins.secret_text() else text

    def names(self, given: Iterable[str]) -> frozenset[str]:
        """The variables, ``given`` ones too, and results that must not be shown, in the plan's spelling."""
        plan = self.origins.plan
        names = (*given, *plan.inputs, *(step.sets for step in plan.steps if step.sets))
        secret = filter(self.origins.secret_variable, {variable_key(name): name for name in names}.values())
        return frozenset(secret) | frozenset(filter(self.origins.secret_result, self.origins.returned()))

    # -- what is kept ------------------------------------------------------------------------------------

    def record(self, record: StepRecord) -> StepRecord:
        hidden = HIDDEN if record.value is not None and self._output(record.step) else record.value
        return record._replace(arguments=self.arguments(record.step, record.arguments), value=hidden)

    def error(self, label: str, error: BaseException) -> BaseException:
        """The error, or one that tells only its kind when its words may hold a secret."""
        if not self._hidden[_number(label)] and not self._output(label):
            return error
        return error if isinstance(error, SPEAKABLE) else WithheldError(error)

    def fault(self, fault: Fault) -> Fault:
        if fault.call is None:
            return Fault(WithheldError(fault.error), fault.what, fault.place)
        call = fault.call
        shown = dict(self.arguments(call.id, call.arguments))
        seen = StepCall(call.turn, call.unit, call.step, shown)
        return Fault(self.error(call.id, fault.error), fault.what, fault.place, seen)


def _number(label: str) -> str:
    return label.partition("[")[0]
