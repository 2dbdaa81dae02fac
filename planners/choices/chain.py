"""The chain of choices: from a goal's clauses to calls, in order, and from calls to a plan."""

from __future__ import annotations

from collections.abc import Sequence

from planloom.errors import ServiceError
from planloom.function import KernelFunction
from planloom.planners.choices.clauses import Piece, clauses
from planloom.planners.choices.draft import DraftCall, Given, Output, acts, ordered, tree_of, unused
from planloom.planners.choices.filling import Filled, Filler
from planloom.planners.choices.judge import Judge
from planloom.planners.choices.late import LateResults
from planloom.planners.choices.lookups import Lookups, has_own_type, may_give
from planloom.planners.choices.nearness import Nearness
from planloom.planners.choices.options import PENDING, Flow, Options
from planloom.planners.errors import PlanNotPossible
from planloom.planners.language.variables import INPUT, variable_key
from planloom.planners.language.writer import write_plan
from planloom.planners.plan import Plan
from planloom.planners.task import PlanningTask
from planloom.planners.writing import PlanChoice, PlanningEvent, PlanText
from planloom.services.protocol import ScoringService

__all__ = ["Choices"]

NEAR = 250.0
"""What a cosine above the functions' mean is worth, in natural logarithms. Of 113 clauses, 91 got a function
of the right plan without cosines, 97 with 50, 100 with 150 and with 250, 98 with 800."""
NEAR_HOPELESS = 7.8
"""``HOPELESS`` where cosines count: less had one of 71 goals that can be reached, and six of nine others."""
ASKING = "Ask the user for a value that is missing"
ASKING_MARGIN = 0.01
"""A clause that is nearest to ``ASKING``, or further by no more than this, wants no call."""
SHORTLIST = 8
"""So many functions, the nearest in meaning, are weighed by the model."""
UNFIT = 0.0
"""A function that fits a clause no better is not called for it."""
HOPELESS = 2.5
"""A goal of which no clause is fitted better cannot be reached. Of 80 goals the worst that could had 3.1."""
CLOSE = 5.0
TRIED = 3
"""So many functions, at most ``CLOSE`` behind the best, are weighed with their arguments."""
ALSO_FITS = 5.0
ALSO_EXPLAINS = 1.0
ALIKE_EXPLAINS = 3.0
"""A second function of a clause fits it so well, and explains so much of it that the first does not: more if
both only give something."""

Ranked = Sequence[tuple[float, KernelFunction]]


class Choices:
    """Makes one plan by asking a model closed questions; what comes out is valid by construction."""

    def __init__(self, task: PlanningTask, nearness: Nearness | None = None) -> None:
        service = task.service
        if not isinstance(service, ScoringService):
            raise ServiceError(service.name, "cannot score text, as strategy='choices' needs.")
        self._task, self._nearness = task, nearness
        self._clauses = clauses(task.goal)
        self._functions = list(task.functions.values())
        self._judge = Judge(service, self._functions)
        lookups = Lookups(self._judge, self._functions)
        self._filler = Filler(Options(self._judge, self._clauses, task.inputs, nearness), lookups)
        self._late = LateResults(self._judge, self._functions, task.goal)
        self._calls: list[DraftCall] = []
        self._hopeless = HOPELESS if nearness is None else NEAR_HOPELESS
        self._best_fit = UNFIT
        self._fits: dict[str, float] = {}
        """How well the model alone finds that functions fit the latest clause."""

    async def write(self) -> Plan:
        """The plan.

        Raises:
            PlanNotPossible: no function fits any part of the goal.
            ServiceError: the model failed.
            BudgetExceededError: the budget was used up.
        """
        for clause in self._clauses:
            await self._take(clause)
        if not self._calls or self._best_fit < self._hopeless:
            raise self._not_possible()
        for choice in await self._late.place(self._calls):
            self._tell(choice)
        text = write_plan(tree_of(self._calls, self._task.inputs))
        for line in text.splitlines(keepends=True):
            self._tell(PlanText(line))
        return self._task.read(text)

    # -- functions -------------------------------------------------------------------------------------

    async def _take(self, clause: Piece) -> None:
        """Add the calls that a clause asks for: none, one, or one and another that it works with."""
        if self._nearness is not None and await self._says_to_ask(clause, self._nearness):
            return
        ranked = await self._ranked(clause)
        fitting = [pair for pair in ranked if pair[0] > UNFIT]
        self._best_fit = max(self._best_fit, ranked[0][0])
        first = await self._best(fitting, clause, self._flow())
        if first is None:
            return
        for filled in await self._second(first, fitting, clause) or [first]:
            self._share(filled.call)
            self._calls.append(filled.call)
            self._tell(_told(clause, filled.call.function, ranked))
            for choice in filled.choices:
                self._tell(choice)

    async def _says_to_ask(self, clause: Piece, nearness: Nearness) -> bool:
        """Whether a clause wants a question, which a value that is missing becomes anyway, and no call."""
        cosines = await nearness.of(clause.text, self._functions)
        asking = await nearness.to(clause.text, [ASKING])
        return asking[0] > max(cosines) - ASKING_MARGIN

    async def _ranked(self, clause: Piece) -> Ranked:
        """The functions with how well they fit a clause, best first; of many, only the nearest in meaning."""
        functions, bonuses = self._functions, [0.0] * len(self._functions)
        if self._nearness is not None:
            cosines = await self._nearness.of(clause.text, functions)
            mean = sum(cosines) / len(cosines)
            nearest = sorted(range(len(functions)), key=lambda index: -cosines[index])[:SHORTLIST]
            functions = [functions[index] for index in nearest]
            bonuses = [NEAR * (cosines[index] - mean) for index in nearest]
        fits = await self._judge.fits(clause.text, functions)
        self._fits = {function.full_name: fit for fit, function in zip(fits, functions, strict=True)}
        scores = [fit + bonus for fit, bonus in zip(fits, bonuses, strict=True)]
        return sorted(zip(scores, functions, strict=True), key=lambda pair: -pair[0])

    async def _second(self, first: Filled, ranked: Ranked, clause: Piece) -> list[Filled]:
        """The first function and another for the clause, one giving what the other acts on; or nothing."""
        alike = [pair for pair in ranked if pair[1] is not first.call.function]
        for _, other in sorted(alike, key=lambda pair: acts(pair[1]) == first.call.acts):
            if await self._is_wanted(first, other, clause):
                for giving, acting in _orders(first.call.function, other):
                    given = await self._filler.fill(giving, clause, self._flow(), alone=False)
                    taken = await self._filler.fill(acting, clause, _from(given.call))
                    if _hands_over(given.call, taken.call) and not given.left & taken.left:
                        return [given, taken]
        return []

    async def _is_wanted(self, first: Filled, other: KernelFunction, clause: Piece) -> bool:
        """Whether the first function leaves names over, or the clause says what the other one does."""
        function = first.call.function
        is_alike = acts(other) == acts(function)
        if first.left and not is_alike:
            return True
        enough = ALIKE_EXPLAINS if is_alike else ALSO_EXPLAINS
        fits = self._fits[other.full_name] > ALSO_FITS
        return fits and await self._judge.adds(function, other, clause.text) > enough

    async def _best(self, ranked: Ranked, clause: Piece, flow: Flow) -> Filled | None:
        """The best of the functions that fit best, weighed with its arguments; no call is made twice."""
        weighed: list[tuple[float, Filled]] = []
        for fit, function in ranked[:TRIED]:
            if fit > ranked[0][0] - CLOSE:
                filled = await self._filler.fill(function, clause, flow)
                self._share(filled.call)
                if not any(filled.call.same_as(made) for made in ordered(self._calls)):
                    weighed.append((fit + filled.score, filled))
        return max(weighed, key=lambda pair: pair[0])[1] if weighed else None

    def _share(self, call: DraftCall) -> None:
        """Let the call take the outputs of look-ups that were made before in place of equal ones."""
        made = ordered(self._calls)
        for name, value in call.values.items():
            if isinstance(value, Output):
                same = next((other for other in made if other.same_as(value.call)), value.call)
                call.values[name] = Output(same, value.field)

    def _flow(self) -> Flow:
        """What "it" means now: the latest output of a call that does not act, else INPUT."""
        latest = next((call for call in reversed(self._calls) if not call.acts), None)
        if latest is not None:
            return Flow(Output(latest), PENDING if latest in unused(self._calls) else 0.0)
        given = next((name for name in self._task.inputs if variable_key(name) == variable_key(INPUT)), None)
        return Flow(Given(given) if given else None)

    # -- telling ---------------------------------------------------------------------------------------

    def _tell(self, event: PlanningEvent) -> None:
        if self._task.listener is not None:
            self._task.listener(event)

    def _not_possible(self) -> PlanNotPossible:
        return PlanNotPossible(
            f"No function fits the goal: {', '.join(self._task.functions)}. Add one, or say the goal in the "
            "words of the functions' descriptions.",
            goal=self._task.goal,
        )


def _hands_over(giving: DraftCall, taking: DraftCall) -> bool:
    """Whether a call takes what the other gives, and that is not a text where a record is wanted."""
    taken = {
        name for name, value in taking.values.items() if isinstance(value, Output) and value.call is giving
    }
    wanted = [parameter for parameter in taking.function.parameters if parameter.name in taken]
    direct = all(not has_own_type(each) or may_give(giving.function, each) for each in wanted)
    return direct and taking.takes(Output(giving))


def _orders(first: KernelFunction, other: KernelFunction) -> list[tuple[KernelFunction, KernelFunction]]:
    """Which of two functions may give what the other takes: one that acts gives nothing."""
    pairs = [(other, first), (first, other)]
    return [pair for pair in pairs if not acts(pair[0])]


def _told(clause: Piece, chosen: KernelFunction, ranked: Ranked) -> PlanChoice:
    return PlanChoice(
        clause.text, chosen.full_name, tuple((function.full_name, fit) for fit, function in ranked)
    )


def _from(call: DraftCall) -> Flow:
    """The flow within a clause: the other function of the clause is there for nothing else."""
    used = frozenset(value.name for value in call.values.values() if isinstance(value, Given))
    return Flow(Output(call), 2 * PENDING, used)
