"""``planloom serve-mcp``: what is served, and over which way."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from planloom import Kernel
from planloom.cli import main
from planloom.cli.skills import add_skills
from planloom.planners import Plan
from planloom.planners.library.plan_library import PlanLibrary
from planloom.plugins import McpServer

SKILLS = '''
from planloom import kernel_function

class Notes:
    """Keeps notes."""

    @kernel_function(effect="read")
    def count(self) -> int:
        """How many there are."""
        print("printed, and not a part of the protocol")
        return 3

    @kernel_function
    def keep(self, note: str) -> str:
        """Keep a note."""
        return f"kept {note}"
'''


MISDIRECTED = 421


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.py").write_text(SKILLS)
    kernel = Kernel()
    add_skills(kernel, [str(tmp_path / "notes.py")])
    library = PlanLibrary(tmp_path / "plans", kernel)
    library.save("keepTwo", Plan.parse('<plan><function.Notes.keep note="$a"/></plan>', kernel))
    (tmp_path / "keep-one.xml").write_text('<plan><function.Notes.keep note="$note"/></plan>')
    return tmp_path


def served(folder: Path, *options: str) -> list[str]:
    """The names of the tools that a server with these options has."""
    command = ["-m", "planloom", "serve-mcp", "--skill", str(folder / "notes.py"), *options]
    with McpServer.stdio(sys.executable, *command, cwd=folder) as server:
        skill = server.skill_sync("Far")
    return list(skill.functions)


def test_functions_and_plans_are_served(folder: Path) -> None:
    plan = str(folder / "keep-one.xml")
    assert served(folder, "--plan", plan) == ["Notes_count", "Notes_keep", "Plans_keep_one"]
    assert served(folder, "--plan", plan, "--read-only") == ["Notes_count"]
    assert served(folder, "--plan", plan, "--include", "Plans.*") == ["Plans_keep_one"]
    assert served(folder, "--exclude", "*.keep") == ["Notes_count"]


def test_a_library_is_served_without_what_cannot_run(folder: Path) -> None:
    (folder / "plans" / "gone.xml").write_text("<plan><function.Gone.away/></plan>")
    assert served(folder, "--library", str(folder / "plans"))[2:] == ["Plans_keepTwo"]


def test_serving_over_http(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "planloom", "serve-mcp", "--skill", "notes.py", "--http", str(port)]
    command += ["--allow-host", "shop.test"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(port, process)
        kernel = Kernel()
        with McpServer.http(f"http://127.0.0.1:{port}/mcp") as server:
            kernel.add_skill(server.skill_sync("Far"))
            assert kernel.invoke_sync("Far.Notes_keep", note="it") == "kept it"
        assert status(port, "shop.test") != MISDIRECTED
        assert status(port, "other.test") == MISDIRECTED
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert f"serving 2 tools at http://127.0.0.1:{port}/mcp" in said


def status(port: int, host: str) -> int:
    """What a request to this host name is answered."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Host": f"{host}:{port}"}
    return httpx.post(f"http://127.0.0.1:{port}/mcp", json=message, headers=headers).status_code


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(400):
        assert process.poll() is None, "the server ended"
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError("the server did not start")


@pytest.mark.parametrize("place", ["nowhere", "127.0.0.1:", "127.0.0.1:99999", ":-1"])
def test_a_place_that_is_none_is_refused(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve-mcp", "--http", place])
    assert "is no port" in capsys.readouterr().err


def test_nothing_to_serve_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve-mcp"]) == 2
    assert "nothing is left to serve" in capsys.readouterr().err
