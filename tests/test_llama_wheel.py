"""The build of llama-cpp-python's wheel, with a script in the place of pip."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / ".ci" / "llama_wheel.py"

# Stands in for `python -m pip wheel ... --wheel-dir FOLDER ...`.
FAKE_PIP = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--wheel-dir") + 1])
with open(os.environ["BUILDS"], "a") as builds:
    builds.write(os.environ["CMAKE_ARGS"] + "\\n")
print("[3/9] Building", flush=True)
if os.environ.get("FAIL"):
    sys.exit("no compiler speaks to me")
(folder / "llama_cpp_python-1.0-py3-none-any.whl").write_text("wheel")
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose cache is empty, and whose pip is the one above."""
    package = tmp_path / "path" / "pip"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(FAKE_PIP)
    return {
        **os.environ,
        "BUILDS": str(tmp_path / "builds"),
        "PYTHONPATH": str(package.parent),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "CC": "cc",
        "CXX": "c++",
    }


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), "1.0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("llama_wheel", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(environment: dict[str, str]) -> list[str]:
    return sorted(path.name for path in Path(environment["XDG_CACHE_HOME"]).rglob("*") if path.is_file())


def builds(environment: dict[str, str]) -> list[str]:
    file = Path(environment["BUILDS"])
    return file.read_text().splitlines() if file.exists() else []


def test_the_wheel_is_built_once_with_the_safe_flags(environment: dict[str, str]) -> None:
    first, said = start(environment).communicate()
    second, silence = start(environment).communicate()
    assert first == second
    assert Path(first.strip()).read_text() == "wheel"
    assert "about two minutes" in said
    assert silence == ""
    [flags] = builds(environment)
    assert "-DGGML_NATIVE=OFF" in flags
    assert "-DCMAKE_PROJECT_INCLUDE=" in flags


def test_two_builds_at_once_make_one_wheel(environment: dict[str, str]) -> None:
    both = [start(environment) for _ in range(2)]
    paths = {process.communicate()[0] for process in both}
    assert len(paths) == 1
    assert len(builds(environment)) == 1


def test_a_failed_build_leaves_nothing_and_shows_its_log(environment: dict[str, str]) -> None:
    process = start({**environment, "FAIL": "1"})
    _, said = process.communicate()
    assert process.returncode == 1
    assert "no compiler speaks to me" in said
    assert "did not build" in said
    assert files(environment) == ["lock"]


def test_what_an_ended_build_left_is_cleared_away(environment: dict[str, str]) -> None:
    path = Path(start(environment).communicate()[0].strip())
    path.unlink()
    half = path.parent / "building-x"
    half.mkdir()
    (half / path.name).write_text("half")
    start(environment).communicate()
    assert files(environment) == sorted(["lock", path.name])


def test_a_machine_without_a_compiler_is_told_what_to_install(environment: dict[str, str]) -> None:
    bare = {name: value for name, value in environment.items() if name not in ("CC", "CXX")}
    process = start({**bare, "PATH": "/nonexistent"})
    _, said = process.communicate()
    assert process.returncode == 1
    assert "apt install build-essential" in said


def test_the_folder_depends_on_version_python_and_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = script()
    before = module.cache_folder("1.0")
    assert before.is_relative_to(tmp_path)
    assert module.cache_folder("1.1") != before
    monkeypatch.setattr(module, "FLAGS", ("-DOTHER=ON",))
    assert module.cache_folder("1.0") != before
