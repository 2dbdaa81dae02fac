"""Rules that hold for every module: names, sizes, the error tree, and what no source may contain."""

from __future__ import annotations

import ast
import importlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from planloom import errors

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for folder in ("kernel", "skills", "planners", "plugins") for path in (ROOT / folder).rglob("*.py")
)
NAMES = [path.relative_to(ROOT).as_posix() for path in SOURCES]
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "print"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
OPTIONAL = {"llama_cpp", "numpy", "httpx"}


PACKAGES = {"kernel": ("planloom",)}


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    parts = (*PACKAGES.get(folder, ("planloom", folder)), *rest)
    return ".".join(part for part in parts if part != "__init__")


MODULES = [module_name(path) for path in SOURCES if path.name != "__main__.py"]


def load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "planloom":
            raise
        pytest.skip(f"needs {error.name}")


def rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as the linter sorts ``__all__``."""
    return (0 if name.isupper() else 1 if name.lstrip("_")[0].isupper() else 2, name)


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist_and_are_a_flat_sorted_list(name: str) -> None:
    module = load(name)
    names = getattr(module, "__all__", [])
    assert isinstance(names, list)
    assert names or defines_nothing(module), f"{name} has no __all__"
    assert names == sorted(set(names), key=rank)
    assert [public for public in names if not hasattr(module, public)] == []


def defines_nothing(module: ModuleType) -> bool:
    """Whether it is a package's file with a docstring only."""
    return len(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body) <= 1


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_source_is_short_explains_itself_and_calls_nothing_dangerous(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 600
    assert ast.get_docstring(tree), f"{path} has no docstring"
    assert set(called(tree)) & FORBIDDEN_CALLS == set()
    assert {module.split(".")[0] for module in imported(tree)} & FORBIDDEN_MODULES == set()
    assert not any(word in text for word in ("TODO", "FIXME"))


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def test_modules_stay_small() -> None:
    sizes = [len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES]
    assert statistics.median(sizes) <= 170


@pytest.mark.parametrize(
    ("folder", "above"),
    [
        ("kernel", ("planloom.planners", "planloom.skills", "planloom.plugins", "planloom.cli")),
        ("skills", ("planloom.planners", "planloom.plugins", "planloom.cli")),
        ("planners", ("planloom.skills", "planloom.plugins", "planloom.cli")),
        ("plugins", ("planloom.skills", "planloom.cli")),
    ],
)
def test_a_layer_imports_nothing_above_it(folder: str, above: tuple[str, ...]) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in SOURCES
        if path.is_relative_to(ROOT / folder) and not is_command_line(path)
        for module in imported(ast.parse(path.read_text(encoding="utf-8")))
        if module.startswith(above)
    }
    assert found == set()


def is_command_line(path: Path) -> bool:
    return path.is_relative_to(ROOT / "kernel" / "cli") or path == ROOT / "kernel" / "__main__.py"


def drawn_tree() -> dict[str, str | None]:
    """Each error in the drawing of ``planloom.errors``, and the one it hangs from."""
    above: list[tuple[int, str]] = []
    parents: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if not name.isidentifier() or not (name == "PlanloomError" or "──" in line):
            continue
        indent = line.index(name)
        above = [(column, parent) for column, parent in above if column < indent]
        parents[name] = above[-1][1] if above else None
        above.append((indent, name))
    return parents


def error_classes() -> dict[str, type[BaseException]]:
    """Every error class that any module defines."""
    for name in MODULES:
        load_if_installed(name)
    found: dict[str, type[BaseException]] = {}
    pending: list[type[BaseException]] = [errors.PlanloomError]
    while pending:
        kind = pending.pop()
        if kind.__module__.startswith("planloom"):
            found[kind.__name__] = kind
            pending += kind.__subclasses__()
    return found


def load_if_installed(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "planloom":
            raise


def test_the_drawn_error_tree_is_the_real_one() -> None:
    drawn, real = drawn_tree(), error_classes()
    parents = {name: kind.__bases__[0].__name__ for name, kind in real.items()}
    assert drawn == {"PlanloomError": None} | {
        name: parents.get(name) for name in drawn if name != "PlanloomError"
    }
    undrawn = {name for name, kind in real.items() if name not in drawn and not is_plugin(kind)}
    assert undrawn == set()


def is_plugin(kind: type) -> bool:
    """Plugins draw their own errors."""
    return kind.__module__.startswith("planloom.plugins.")


def test_importing_planloom_stays_light() -> None:
    code = "import sys, planloom, planloom.planners; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = ran.stdout.split()
    assert {name.split(".")[0] for name in loaded} & OPTIONAL == set()
    assert "planloom.planners.plan" not in loaded
