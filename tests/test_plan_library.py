"""Plans kept as files: history, finding, calling, and refusing what has changed."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pytest

from planloom import Kernel, kernel_function
from planloom.errors import InvalidNameError, NameClashError
from planloom.planners.errors import PlanError
from planloom.planners.library.library_errors import (
    LibraryFileError,
    PlanRecursionError,
    StoredPlanChanged,
    StoredPlanNotFound,
)
from planloom.planners.library.plan_library import PlanLibrary
from planloom.planners.plan import Plan
from planloom.planners.running.executor import Executor
from planloom.planners.running.run_errors import StepError

GREET = """<plan>
  <function.Text.upper text="$INPUT" setContextVariable="LOUD"/>
  <function.Text.repeat text="$LOUD" times="$times" appendToResult="RESULT__GREETING"/>
</plan>"""


class Text:
    @kernel_function(effect="none")
    def upper(self, text: str) -> str:
        """Capital letters."""
        return text.upper()

    @kernel_function(effect="none")
    def repeat(self, text: str, times: Annotated[int, "How often"] = 2) -> str:
        """Say it again."""
        return text * times

    @kernel_function(effect="read", touches=("disk",))
    def read(self, path: str) -> str:
        """Read a file."""
        return f"<{path}>"


def kernel_with(skill: object) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(skill, "Text")
    return kernel


@pytest.fixture
def kernel() -> Kernel:
    return kernel_with(Text())


@pytest.fixture
def library(kernel: Kernel, tmp_path: Path) -> PlanLibrary:
    return PlanLibrary(tmp_path / "plans", kernel, clock=ticking())


def ticking() -> Callable[[], datetime]:
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(10_000))
    return lambda: next(moments)


def plan(library: PlanLibrary, xml: str = GREET, goal: str = "Greet loudly") -> Plan:
    return Plan.parse(xml, library.kernel, goal=goal)


def copy_files(library: PlanLibrary, name: str, copy: str) -> None:
    for ending in (".xml", ".json"):
        (library.folder / f"{copy}{ending}").write_bytes((library.folder / f"{name}{ending}").read_bytes())


class TestKeeping:
    def test_a_plan_comes_back_as_it_was(self, library: PlanLibrary) -> None:
        saved = library.save("greet", plan(library), description="Shout a greeting")
        again = PlanLibrary(library.folder, library.kernel).get("greet")
        assert again == saved
        assert (again.record.goal, again.record.description) == ("Greet loudly", "Shout a greeting")
        assert again.record.inputs == ("INPUT", "times")
        assert str(library.load("greet")) == str(plan(library)) == saved.path.read_text().strip()

    def test_saving_again_adds_a_version(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library), note="first")
        library.save("greet", plan(library, GREET.replace("upper", "repeat")), note="second")
        versions = library.get("greet").versions
        assert [(version.number, version.note) for version in versions] == [(1, "first"), (2, "second")]
        assert versions[1].saved - versions[0].saved == timedelta(days=1)
        assert versions[0].hash != versions[1].hash

    def test_saving_the_same_again_adds_nothing(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library), description="Shout")
        assert len(library.save("greet", plan(library)).versions) == 1
        assert library.get("greet").record.description == "Shout"

    def test_an_edit_by_hand_runs_and_is_kept(self, library: PlanLibrary) -> None:
        path = library.save("greet", plan(library)).path
        path.write_text(path.read_text().replace("$times", "3"))
        assert library.get("greet").edited
        assert library.load("greet").inputs == ("INPUT",)
        saved = library.save("greet")
        assert not saved.edited
        assert saved.record.inputs == ("INPUT",)
        assert [version.note for version in saved.versions] == ["", "edited by hand"]
        assert "$times" in saved.versions[0].plan

    def test_an_unsaved_edit_is_not_lost_under_a_new_plan(self, library: PlanLibrary) -> None:
        path = library.save("greet", plan(library)).path
        path.write_text(path.read_text().replace("$times", "3"))
        saved = library.save("greet", plan(library, GREET.replace("$times", "4")))
        assert ['times="3"' in version.plan for version in saved.versions] == [False, True, False]

    def test_a_wrong_edit_is_refused_and_stays_in_the_file(self, library: PlanLibrary) -> None:
        path = library.save("greet", plan(library)).path
        path.write_text("<plan><function.Text.shout/></plan>")
        with pytest.raises(PlanError, match="unknown-function"):
            library.save("greet")
        assert "shout" in path.read_text()
        assert len(library.get("greet").versions) == 1

    def test_diff(self, library: PlanLibrary) -> None:
        path = library.save("greet", plan(library)).path
        assert library.diff("greet") == ""
        path.write_text(path.read_text().replace("$times", "3"))
        assert '+  <function.Text.repeat text="$LOUD" times="3"' in library.diff("greet")
        library.save("greet")
        assert '-  <function.Text.repeat text="$LOUD" times="$times"' in library.diff("greet", 1, 2)
        with pytest.raises(StoredPlanNotFound, match="version 7"):
            library.diff("greet", 7)

    def test_removing(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        library.remove("greet")
        assert library.names() == []
        with pytest.raises(StoredPlanNotFound):
            library.remove("greet")

    def test_a_copy_of_the_files_is_a_plan_of_its_own(self, library: PlanLibrary) -> None:
        original = library.save("greet", plan(library))
        copy_files(library, "greet", "shout")
        path = library.folder / "shout.xml"
        path.write_text(path.read_text().replace("$times", "3"))
        saved = library.save("shout")
        assert (saved.name, saved.path, len(saved.versions)) == ("shout", path, 2)
        assert library.get("shout") == saved
        assert library.get("greet") == original
        assert library.names() == ["greet", "shout"]

    def test_concurrent_saves_lose_nothing(self, library: PlanLibrary) -> None:
        plans = [plan(library, GREET.replace("$times", str(number))) for number in range(20)]

        def save(one: Plan) -> None:
            PlanLibrary(library.folder, library.kernel).save("greet", one)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(save, plans))
        stored = library.get("greet")
        assert [version.number for version in stored.versions] == list(range(1, 21))
        assert {version.plan for version in stored.versions} == {str(one) for one in plans}
        assert not stored.edited


class TestFaults:
    @pytest.mark.parametrize("name", ["../greet", "a b", "", "1st"])
    def test_names_are_checked(self, library: PlanLibrary, name: str) -> None:
        with pytest.raises(InvalidNameError):
            library.save(name, plan(library))
        with pytest.raises(StoredPlanNotFound):
            library.get(name)

    def test_an_unknown_name_has_its_nearest(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        with pytest.raises(StoredPlanNotFound, match="Did you mean greet"):
            library.load("great")

    def test_a_broken_file_is_named(self, library: PlanLibrary) -> None:
        (library.folder / "greet.json").write_text('{"format": 2}')
        with pytest.raises(LibraryFileError, match=r"greet\.json"):
            library.get("greet")

    @pytest.mark.parametrize("ending", [".json", ".xml"])
    def test_a_file_that_is_not_text_is_named(self, library: PlanLibrary, ending: str) -> None:
        path = library.save("greet", plan(library)).path.with_suffix(ending)
        path.write_bytes(b"\xff")
        with pytest.raises(LibraryFileError, match="it cannot be read") as caught:
            library.get("greet")
        assert caught.value.path == path

    def test_a_version_that_is_not_what_was_saved_is_refused(self, library: PlanLibrary) -> None:
        file = library.save("greet", plan(library)).path.with_suffix(".json")
        file.write_text(file.read_text().replace("$times", "9"))
        with pytest.raises(LibraryFileError, match="version 1 is not the plan that was saved"):
            library.get("greet")

    @pytest.mark.parametrize("name", ["my-notes", "1st", "a.b", "größe", "x" * 129])
    def test_files_that_cannot_be_plans_are_left_alone(self, library: PlanLibrary, name: str) -> None:
        library.save("greet", plan(library))
        (library.folder / f"{name}.json").write_text("{}")
        (library.folder / "folder.json").mkdir()
        assert library.names() == ["greet"]
        assert library.register().refused == {}
        with pytest.raises(StoredPlanNotFound):
            library.get(name)

    def test_a_damaged_plan_does_not_hide_the_others(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        (library.folder / "broken.json").write_text("{")
        assert [found.plan.name for found in library.find("greet")] == ["greet"]
        registered = library.register()
        assert [function.name for function in registered.functions] == ["greet"]
        assert isinstance(registered.refused["broken"], LibraryFileError)


class OtherText(Text):
    @kernel_function(effect="none")
    def upper(self, text: str, locale: str = "en") -> str:
        """Capital letters."""
        return text.upper()


class WritingText(Text):
    @kernel_function
    def upper(self, text: str) -> str:
        """Capital letters, and tell everybody."""
        return text.upper()


class LessText:
    @kernel_function(effect="none")
    def repeat(self, text: str, times: Annotated[int, "How often"] = 2) -> str:
        """Say it again."""
        return text * times


class TestChangedFunctions:
    @pytest.mark.parametrize(
        ("skill", "told"),
        [
            (OtherText(), ["Text.upper: signature was 'Text.upper(text: str)' and is "]),
            (
                WritingText(),
                ["effect was 'none' and is 'write'", "description was 'Capital letters.' and is"],
            ),
            (LessText(), ["Text.upper is gone"]),
        ],
    )
    def test_a_plan_is_refused_with_what_changed(
        self, library: PlanLibrary, skill: object, told: list[str]
    ) -> None:
        library.save("greet", plan(library))
        later = PlanLibrary(library.folder, kernel_with(skill))
        with pytest.raises(StoredPlanChanged) as caught:
            later.load("greet")
        assert len(caught.value.changes) == len(told)
        assert all(text in change for text, change in zip(told, caught.value.changes, strict=True))
        assert caught.value.name == "greet"

    def test_saving_accepts_the_change(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        later = PlanLibrary(library.folder, kernel_with(OtherText()))
        assert len(later.save("greet").versions) == 1
        assert len(later.load("greet").steps) == 2

    def test_changes_of_other_functions_do_not_matter(self, library: PlanLibrary) -> None:
        library.save("up", plan(library, '<plan><function.Text.repeat text="a"/></plan>'))
        assert PlanLibrary(library.folder, kernel_with(LessText())).load("up").steps


class TestFinding:
    def test_by_goal_in_both_languages(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        library.save("cat", plan(library, '<plan><function.Text.read path="x"/></plan>'), goal="读取一个文件")
        assert [found.plan.name for found in library.find("greet my friends")] == ["greet"]
        assert [found.plan.name for found in library.find("请读取文件")] == ["cat"]
        assert library.find("zzz") == []

    def test_an_empty_library(self, library: PlanLibrary) -> None:
        assert library.find("anything") == []
        assert list(library) == []


class TestRunning:
    def test_by_name(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        result = asyncio.run(library.run("greet", {"INPUT": "hi", "times": "2"}))
        assert result.text == "HIHI"

    def test_later_plans_call_earlier_ones(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library), description="Shout a greeting")
        (function,) = library.register().functions
        assert function.signature() == "Plans.greet(INPUT: str, times: int)"
        assert (function.description, function.effect, function.resources) == (
            "Shout a greeting",
            "none",
            ("Text",),
        )
        outer = plan(library, '<plan><function.Text.read path="x"/><function.Plans.greet times="2"/></plan>')
        assert Executor(library.kernel).run_sync(outer).text == "<X><X>"

    def test_plans_on_plans_register_in_any_order(self, library: PlanLibrary, kernel: Kernel) -> None:
        library.save("zgreet", plan(library))
        library.register()
        library.save("a", plan(library, '<plan><function.Plans.zgreet input="x" times="3"/></plan>'))
        fresh = PlanLibrary(library.folder, kernel_with(Text()))
        found = fresh.register()
        assert [function.name for function in found.functions] == ["zgreet", "a"]
        assert found.refused == {}
        assert fresh.kernel.invoke_sync("Plans.a") == "XXX"

    def test_a_changed_plan_is_refused_and_the_others_are_not(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        library.save("again", plan(library, '<plan><function.Text.repeat text="a"/></plan>'))
        found = PlanLibrary(library.folder, kernel_with(LessText())).register()
        assert [function.name for function in found.functions] == ["again"]
        assert isinstance(found.refused["greet"], StoredPlanChanged)

    def test_effects_are_those_of_the_plan(self, library: PlanLibrary) -> None:
        library.save("cat", plan(library, '<plan><function.Text.read path="$path"/></plan>'))
        (function,) = library.register().functions
        assert (function.effect, function.resources) == ("read", ("disk",))

    def test_several_results_come_by_name(self, library: PlanLibrary) -> None:
        xml = (
            '<plan><function.Text.upper text="a" appendToResult="RESULT__A"/>'
            '<function.Text.repeat text="b" appendToResult="RESULT__B"/></plan>'
        )
        library.save("both", plan(library, xml))
        library.register()
        assert library.kernel.invoke_sync("Plans.both") == {"RESULT__A": "A", "RESULT__B": "bb"}

    def test_an_input_with_a_keyword_for_a_name(self, library: PlanLibrary) -> None:
        library.save("up", plan(library, '<plan><function.Text.upper text="$from"/></plan>'))
        library.register()
        assert library.kernel.invoke_sync("Plans.up", **{"from": "a"}) == "A"

    def test_recursion_is_bounded(self, library: PlanLibrary) -> None:
        path = library.save("loop", plan(library, '<plan><function.Text.upper text="a"/></plan>')).path
        library.register()
        path.write_text("<plan><function.Plans.loop/></plan>")
        with pytest.raises(StepError) as caught:
            library.kernel.invoke_sync("Plans.loop")
        cause: BaseException | None = caught.value
        while cause is not None and not isinstance(cause, PlanRecursionError):
            cause = cause.__cause__
        assert isinstance(cause, PlanRecursionError)
        assert cause.depth == 8

    def test_registering_again_adds_what_is_new(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        library.register()
        library.save("other", plan(library))
        assert [function.name for function in library.register().functions] == ["other"]

    def test_a_name_that_is_taken(self, library: PlanLibrary) -> None:
        library.save("greet", plan(library))
        library.kernel.add_skill({"greet": Text().upper}, "Plans")
        with pytest.raises(NameClashError):
            library.register()

    def test_registering_an_unknown_name(self, library: PlanLibrary) -> None:
        with pytest.raises(StoredPlanNotFound):
            library.register(["nothing"])


class TestAFolderThatTakesNoFiles:
    def test_is_read(self, library: PlanLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
        library.save("greet", plan(library))
        self.refuse(monkeypatch)
        assert library.load("greet").goal == "Greet loudly"
        assert [found.plan.name for found in library.find("greet")] == ["greet"]

    def test_is_named_where_it_should_change(
        self, library: PlanLibrary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        library.save("greet", plan(library))
        self.refuse(monkeypatch)
        for change in (lambda: library.save("other", plan(library)), lambda: library.remove("greet")):
            with pytest.raises(LibraryFileError, match="cannot be written"):
                change()

    def refuse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As for one who may only read; tests may run as root, who may do anything."""

        def refused(*_: object) -> int:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("planloom.planners.library.folder_lock.os.open", refused)


def test_names_that_differ_in_case_only_are_refused(library: PlanLibrary, kernel: Kernel) -> None:
    library.save("greet", plan(library))
    with pytest.raises(NameClashError, match="'greet'"):
        library.save("Greet", plan(library))
    copy_files(library, "greet", "GREET")
    registered = library.register()
    assert [function.name for function in registered.functions] == ["GREET"]
    assert list(registered.refused) == ["greet"]
