"""The command line as a process: Ctrl-C, a closed pipe, a narrow encoding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and pipes are POSIX's here")

BLOCKING = """\
import asyncio, threading
from planloom import kernel_function

class Blocking:
    @kernel_function(effect="none")
    async def politely(self) -> None:
        "Waits for ever and can be interrupted."
        await asyncio.Event().wait()

    @kernel_function(effect="none")
    def stubbornly(self) -> None:
        "Waits for ever in a thread."
        threading.Event().wait()

    @kernel_function(effect="write")
    def dangerously(self) -> None:
        "Changes something in a thread, for ever."
        threading.Event().wait()

    @kernel_function(effect="none", timeout=0.01)
    def lately(self) -> None:
        "Takes longer than it may."
        threading.Event().wait()
"""
COMMAND = [sys.executable, "-m", "planloom"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blocking.py").write_text(BLOCKING)
    for name in ("politely", "stubbornly", "dangerously", "lately"):
        (tmp_path / f"{name}.xml").write_text(f"<plan><function.Blocking.{name}/></plan>")
    return tmp_path


def start(folder: Path, plan: str) -> subprocess.Popen[str]:
    """A run that has begun its only step."""
    process = subprocess.Popen(
        [*COMMAND, "run", plan, "--skill", "blocking.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("  start  1  Blocking.")
    return process


def test_ctrl_c_stops_a_run_with_one_line(folder: Path) -> None:
    process = start(folder, "politely.xml")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "planloom: stopped"
    assert "Traceback" not in err


def test_ctrl_c_does_not_wait_for_a_thread_that_changes_nothing(folder: Path) -> None:
    process = start(folder, "stubbornly.xml")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "still running, since they cannot be interrupted, until this process ends: 1 (Blocking.stu" in err
    assert err.splitlines()[-1] == "planloom: stopped"


def test_a_thread_that_hangs_does_not_keep_the_process_after_a_timeout(folder: Path) -> None:
    process = start(folder, "lately.xml")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, "")
    assert "still running" in err.splitlines()[-1]


def test_a_thread_that_hangs_does_not_keep_the_process_after_the_run_s_timeout(folder: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "run", "stubbornly.xml", "--skill", "blocking.py", "--timeout", "0.1", "--quiet"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "still running, since they cannot be interrupted: 1 (Blocking.stubbornly)" in ran.stderr


def test_a_second_ctrl_c_stops_at_once(folder: Path) -> None:
    process = start(folder, "dangerously.xml")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "Ctrl-C again stops at once" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_a_reader_that_went_away_is_no_traceback(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(
            [*COMMAND, "functions", "--skill", "blocking.py"],
            cwd=folder,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_narrow_encoding_gets_escapes(folder: Path) -> None:
    (folder / "say.py").write_text(
        BLOCKING + "    @kernel_function\n    def hello(self) -> str:\n"
        '        "Greets."\n        return "你好"\n',
        encoding="utf-8",
    )
    (folder / "say.xml").write_text("<plan><function.Blocking.hello/></plan>")
    ran = subprocess.run(
        [*COMMAND, "run", "say.xml", "--skill", "say.py"],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "\\u4f60\\u597d\n")


def test_the_installed_script_starts(folder: Path) -> None:
    script = Path(sys.executable).with_name("planloom")
    ran = subprocess.run(
        [script, "--version"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout[:9]) == (0, "planloom ")
