"""The plan library: plans kept as files, found by a goal, and called by later plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planloom.errors import InvalidNameError, NameClashError, PlanloomError
from planloom.function import KernelFunction
from planloom.kernel import Kernel
from planloom.names import check_name, nearest
from planloom.planners.library.folder_lock import locked, write_whole
from planloom.planners.library.library_errors import (
    LibraryFileError,
    PlanRecursionError,
    StoredPlanChanged,
    StoredPlanNotFound,
)
from planloom.planners.library.plan_function import plan_function, value_of
from planloom.planners.library.plan_record import PlanRecord, PlanVersion, changes, prints_of
from planloom.planners.plan import Plan
from planloom.planners.retrieval.word_index import Field, WordIndex
from planloom.planners.running.executor import Executor
from planloom.planners.running.records import RunResult

__all__ = ["FoundPlan", "PlanLibrary", "Registered", "StoredPlan"]

SKILL = "Plans"
MAX_DEPTH = 8
HAND_EDIT = "edited by hand"
FIELDS = {
    "name": Field(weight=2.0, length_penalty=0.3),
    "goal": Field(weight=2.0),
    "description": Field(weight=2.0),
    "inputs": Field(weight=0.5),
}

_DEPTH: ContextVar[int] = ContextVar("planloom_plan_depth", default=0)


@dataclass(frozen=True)
class StoredPlan:
    """A plan as it lies in the library; ``text`` is the plan that runs.

    ``edited`` says that ``text`` was changed by hand and not saved yet.
    """

    record: PlanRecord
    text: str
    path: Path

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def edited(self) -> bool:
        return self.text.strip() != self.record.latest.strip()

    @property
    def versions(self) -> tuple[PlanVersion, ...]:
        """The plan's history, oldest first."""
        return self.record.versions


@dataclass(frozen=True, slots=True)
class FoundPlan:
    """A stored plan that was found; scores compare within one search only."""

    plan: StoredPlan
    score: float


@dataclass(frozen=True, slots=True)
class Registered:
    """The plans that became functions, and those that did not, with the reason."""

    functions: tuple[KernelFunction, ...]
    refused: Mapping[str, PlanloomError]


class PlanLibrary:
    """Plans in a folder: ``NAME.xml`` is the plan, free to be edited; ``NAME.json`` is what is known of it.

    Args:
        folder: made if it is not there. Several processes may use it at once.
        kernel: whose functions the plans call.
        executor: runs the plans that are called as functions. Give one with the policy and approver that
            also hold for what a plan does inside; without it, nothing is asked inside.
        clock: the present time, for the history.
    """

    def __init__(
        self,
        folder: str | Path,
        kernel: Kernel,
        *,
        executor: Executor | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = Path(folder)
        self.kernel = kernel
        self.executor = executor or Executor(kernel)
        self._clock = clock
        self._registered: set[str] = set()
        self.folder.mkdir(parents=True, exist_ok=True)

    # -- looking -----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[StoredPlan]:
        return (self.get(name) for name in self.names())

    def names(self) -> list[str]:
        """The names of all plans, sorted. Other files in the folder are left alone."""
        return sorted(path.stem for path in self.folder.glob("*.json") if self._known(path.stem))

    def get(self, name: str) -> StoredPlan:
        """The stored plan of that name, not checked against the kernel.

        Raises:
            StoredPlanNotFound: there is none.
            LibraryFileError: its file cannot be read, or its history is not what was saved.
        """
        with locked(self.folder, to_read=True):
            return self._get(name)

    def load(self, name: str) -> Plan:
        """The plan of that name, ready to run.

        Raises:
            StoredPlanNotFound: there is none.
            StoredPlanChanged: functions that it calls are not what they were.
            PlanError: it was edited by hand and is wrong.
        """
        stored = self.get(name)
        if found := list(changes(stored.record, self.kernel.functions)):
            raise StoredPlanChanged(name, found)
        return Plan.parse(stored.text, self.kernel, goal=stored.record.goal)

    def find(self, goal: str, limit: int = 5) -> list[FoundPlan]:
        """At most ``limit`` stored plans for ``goal``, best first, of those that can be read."""
        plans = list(self._readable())
        index = WordIndex([_texts(plan.record) for plan in plans], FIELDS)
        return [FoundPlan(plans[number], score) for number, score in index.search(goal, limit)]

    def diff(self, name: str, old: int | None = None, new: int | None = None) -> str:
        """A unified diff of two versions by number; of the latest saved one and the file, if left out."""
        stored = self.get(name)
        before, after = _version(stored, old), stored.text if new is None else _version(stored, new)
        lines = unified_diff(
            before.splitlines(),
            after.splitlines(),
            f"{name} {old or len(stored.versions)}",
            f"{name} {new or 'now'}",
            lineterm="",
        )
        return "\n".join(lines)

    # -- keeping -----------------------------------------------------------------------------------------

    def save(
        self,
        name: str,
        plan: Plan | None = None,
        *,
        goal: str | None = None,
        description: str | None = None,
        note: str = "",
    ) -> StoredPlan:
        """Keep ``plan`` as the latest version; without one, accept the plan's file and functions as they are.

        Earlier versions stay in the history, and so does a file that was edited by hand and not saved.

        Args:
            name: letters, digits and underscores; what plans call it.
            goal: what the plan is for; as it was, or the plan's own goal, if left out.
            description: what it does, for planners; as it was, or the goal, if left out.
            note: why, for the history.

        Raises:
            StoredPlanNotFound: no plan is given and there is none of that name.
            PlanError: no plan is given, and the one in the file is wrong.
            NameClashError: a stored plan's name differs from this only in case; calls would mean either.
            LibraryFileError: the folder cannot be written to.
        """
        check_name(name, "plan")
        with self._changing(name):
            _refuse_twin(name, self.names())
            if plan is None:
                stored = self._get(name)
                record, note = stored.record, note or (HAND_EDIT if stored.edited else "")
                plan = Plan.parse(stored.text, self.kernel, goal=record.goal)
            else:
                record = self._noted(self._get(name)) if self._known(name) else PlanRecord(name=name)
            goal = record.goal or plan.goal if goal is None else goal
            record = record.model_copy(
                update={
                    "goal": goal,
                    "description": record.description or goal if description is None else description,
                    "inputs": plan.inputs,
                    "functions": prints_of(plan),
                }
            )
            return self._write(record.with_version(str(plan), self._clock(), note))

    def remove(self, name: str) -> None:
        """Delete a plan and its history; raises ``StoredPlanNotFound`` or ``LibraryFileError``."""
        with self._changing(name):
            self._get(name)
            self._path(name, ".json").unlink()
            self._path(name, ".xml").unlink(missing_ok=True)

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        try:
            with locked(self.folder):
                yield
        except OSError as error:
            problem = f"it cannot be written: {error.strerror}."
            raise LibraryFileError(name, self._path(name, ".json"), problem) from error

    def _noted(self, stored: StoredPlan) -> PlanRecord:
        """The record, with what was edited by hand as a version of its own."""
        if not stored.edited:
            return stored.record
        return stored.record.with_version(stored.text, self._clock(), HAND_EDIT)

    def _write(self, record: PlanRecord) -> StoredPlan:
        path = self._path(record.name, ".xml")
        write_whole(self._path(record.name, ".json"), record.model_dump_json(indent=1))
        write_whole(path, record.latest + "\n")
        return StoredPlan(record, record.latest, path)

    def _readable(self) -> Iterator[StoredPlan]:
        for name in self.names():
            with suppress(LibraryFileError, StoredPlanNotFound):
                yield self.get(name)

    def _get(self, name: str) -> StoredPlan:
        if not self._known(name):
            raise StoredPlanNotFound(name, nearest(name, self.names()))
        record, path = self._record(name), self._path(name, ".xml")
        text = _text(name, path).removesuffix("\n") if path.exists() else record.latest
        return StoredPlan(record, text, path)

    def _record(self, name: str) -> PlanRecord:
        """What is known of a plan. Its name is that of its file: files may be copied and renamed."""
        file = self._path(name, ".json")
        try:
            record = PlanRecord.model_validate_json(_text(name, file))
        except ValidationError as error:
            raise LibraryFileError(name, file, f"this is no stored plan: {_first(error)}.") from error
        return record.model_copy(update={"name": name})

    def _known(self, name: str) -> bool:
        return _is_name(name) and self._path(name, ".json").is_file()

    def _path(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}{ending}"

    # -- running -----------------------------------------------------------------------------------------

    async def run(self, name: str, variables: Mapping[str, Any] | None = None) -> RunResult:
        """Run a stored plan, as it now is in its file.

        Raises:
            PlanRecursionError: stored plans call each other more than 8 deep.
            PlanloomError: whatever ``load`` and ``Executor.run`` raise.
        """
        with _one_deeper(name):
            return await self.executor.run(self.load(name), variables)

    def register(self, names: Iterable[str] | None = None) -> Registered:
        """Make plans functions ``Plans.<name>`` of the kernel, so that later plans may call them.

        A plan that cannot run (its functions changed, it is wrong) is refused; the others are registered.
        Plans may call each other; those that another one calls are registered first. Those that are
        functions already stay as they are; what they run is always the plan as it now is in its file.

        Raises:
            StoredPlanNotFound: ``names`` has one that is not there.
            NameClashError: somebody else has registered a function of that name.
        """
        wanted = self.names() if names is None else names
        waiting = [name for name in dict.fromkeys(wanted) if name not in self._registered]
        done: list[KernelFunction] = []
        refused: dict[str, PlanloomError] = {}
        while waiting:
            refused = {}
            for name in waiting:
                try:
                    plan = self.load(name)
                    _refuse_twin(name, self._registered)
                except StoredPlanNotFound:
                    raise
                except PlanloomError as error:
                    refused[name] = error
                else:
                    done.append(self._register(name, plan))
            if len(refused) == len(waiting):
                break
            waiting = list(refused)
        return Registered(tuple(done), refused)

    def _register(self, name: str, plan: Plan) -> KernelFunction:
        async def run(variables: Mapping[str, Any]) -> Any:
            return value_of(await self.run(name, variables))

        record = self.get(name).record
        function = plan_function(name, record.description or f"Run the plan {name}.", plan, run)
        added = self.kernel.add_function(function, skill=SKILL, name=name)
        self._registered.add(name)
        return added


def _is_name(name: str) -> bool:
    try:
        check_name(name, "plan")
    except InvalidNameError:
        return False
    return True


def _refuse_twin(name: str, others: Iterable[str]) -> None:
    """Raise ``NameClashError`` if one of ``others`` is this name in other letters."""
    for other in others:
        if other != name and other.lower() == name.lower():
            said = f"There is a stored plan {other!r}, and names are compared without case. Take another."
            raise NameClashError(said, name)


def _text(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        raise LibraryFileError(name, file, f"it cannot be read: {problem}.") from error


def _first(error: ValidationError) -> str:
    """The first fault that was found, and where."""
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")


def _texts(record: PlanRecord) -> dict[str, str]:
    return {
        "name": record.name,
        "goal": record.goal,
        "description": record.description,
        "inputs": " ".join(record.inputs),
    }


def _version(stored: StoredPlan, number: int | None) -> str:
    if number is None:
        return stored.record.latest
    for version in stored.versions:
        if version.number == number:
            return version.plan
    raise StoredPlanNotFound(f"{stored.name} version {number}")


@contextmanager
def _one_deeper(name: str) -> Iterator[None]:
    depth = _DEPTH.get()
    if depth >= MAX_DEPTH:
        raise PlanRecursionError(name, depth)
    token = _DEPTH.set(depth + 1)
    try:
        yield
    finally:
        _DEPTH.reset(token)
