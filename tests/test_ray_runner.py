"""Steps as Ray tasks, under a journal. Ray is large: without it the tests are left out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="planloom[ray] is not installed")

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from planloom import Kernel, idempotency_key, kernel_function
from planloom.planners import Executor, InDoubtError, Plan, SqliteJournal, StepError
from planloom.plugins.ray_runner import RayRunner

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


class Studio:
    """Renders elsewhere, and tells where."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @kernel_function(effect="none", runs_on="ray")
    def render(self, what: str) -> dict[str, str]:
        """Render."""
        return {"what": what, "process": str(os.getpid()), "key": idempotency_key() or ""}

    @kernel_function(effect="read", runs_on="ray", retries=1)
    async def flaky(self, what: str) -> str:
        """Fail once."""
        if first_time(Path(self.folder, what)):
            raise ValueError("not yet")
        return f"{what} at last"

    @kernel_function(runs_on="ray", retries=2)
    def crash(self) -> str:
        """Take the process down."""
        self.note("crash")
        os._exit(1)

    @kernel_function(runs_on="ray", retries=2, timeout=3.0)
    def hang(self) -> str:
        """Take longer than it may."""
        self.note("hang")
        while not Path(self.folder, "go on").exists():
            time.sleep(0.01)
        return "at last"

    @kernel_function(runs_on="ray", retries=2)
    def stumble(self) -> str:
        """Raise once."""
        self.note("stumble")
        if first_time(Path(self.folder, "stumbled")):
            raise ValueError("not yet")
        return "done"

    def note(self, call: str) -> None:
        with Path(self.folder, "calls").open("a") as file:
            file.write(f"{call}\n")

    @kernel_function(effect="none")
    def here(self) -> str:
        """Where the run is."""
        return str(os.getpid())


def first_time(marker: Path) -> bool:
    if marker.exists():
        return False
    marker.touch()
    return True


@pytest.fixture(scope="module")
def runtime() -> Iterator[None]:
    # a task's process must find this module, by whatever path pytest did
    found = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=found)
    yield
    ray.shutdown()


def test_heavy_steps_run_elsewhere_under_the_journal(runtime: None, tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.add_skill(Studio(str(tmp_path)))
    journal = SqliteJournal(tmp_path / "runs.db")
    executor = Executor(kernel, runner=RayRunner(kernel), journal=journal)
    plan = Plan.parse(
        """<plan>
          <function.Studio.render what="a cat" setContextVariable="A"/>
          <function.Studio.flaky what="$A.what" setContextVariable="B"/>
          <function.Studio.here setContextVariable="C"/>
        </plan>""",
        kernel,
    )
    variables = executor.run_sync(plan, run_id="one").variables
    assert variables["A"]["process"] != variables["C"] == str(os.getpid())
    assert len(variables["A"]["key"]) == 64
    assert variables["B"] == "a cat at last"
    assert executor.resume_sync("one").variables == variables

    lost = Plan.parse("<plan><function.Studio.crash/></plan>", kernel)
    with pytest.raises(StepError, match="WorkerCrashed"):
        executor.run_sync(lost, run_id="two")
    with pytest.raises(InDoubtError, match=r"Studio\.crash\(\)"):
        executor.resume_sync("two")


def calls(folder: Path) -> list[str]:
    return Path(folder, "calls").read_text().splitlines()


def test_a_write_is_tried_again_only_after_it_raised(runtime: None, tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.add_skill(Studio(str(tmp_path)))
    executor = Executor(kernel, runner=RayRunner(kernel))

    def run(text: str) -> str:
        return executor.run_sync(Plan.parse(f"<plan>{text}</plan>", kernel)).text

    assert run("<function.Studio.stumble/>") == "done"
    assert calls(tmp_path) == ["stumble"] * 2
    with pytest.raises(StepError, match="WorkerCrashed"):
        run("<function.Studio.crash/>")
    assert calls(tmp_path)[2:] == ["crash"]
    with pytest.raises(StepError, match=r"longer than 3\.0 s") as late:
        run("<function.Studio.hang/>")
    Path(tmp_path, "go on").touch()
    assert [step.status for step in late.value.done] == ["still-running"]
    assert calls(tmp_path)[3:] == ["hang"]
