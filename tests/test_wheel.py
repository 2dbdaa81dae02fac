"""The built wheel: one top-level package with every module and data file in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {"kernel": "", "planners": "planners/", "plugins": "plugins/", "skills": "skills/"}
PROJECT_FILES = ("pyproject.toml", "README.md", "LICENSE")
DATA = ("*.jinja2", "py.typed", "prompts/**/*")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built, offline, from a copy of the sources."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in PROJECT_FILES:
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    ran = subprocess.run(
        [*build, "--wheel-dir", str(target), str(source)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with ZipFile(next(target.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_there_is_one_top_level_package(contents: set[str]) -> None:
    tops = {name.split("/")[0] for name in contents}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"planloom"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_and_data_file_is_in_it(contents: set[str], folder: str) -> None:
    root = ROOT / folder
    patterns = ("**/*.py", *DATA)
    found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    files = {path for path in found if "__pycache__" not in path.parts}
    wanted = {f"planloom/{FOLDERS[folder]}{path.relative_to(root).as_posix()}" for path in files}
    assert wanted
    assert wanted - contents == set()


def test_it_has_the_script_and_the_licence(contents: set[str]) -> None:
    info = {name.partition(".dist-info/")[2] for name in contents if ".dist-info/" in name}
    assert "entry_points.txt" in info
    assert any(name.endswith("LICENSE") for name in info)
