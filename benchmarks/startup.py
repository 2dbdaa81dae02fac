"""What starting and registering cost: ``python benchmarks/startup.py``.

``import planloom`` beside ``import pydantic``, each in a fresh interpreter; the size of a core install; and
registering 1,000 functions and writing the planner's catalogue, beside reading their signatures with inspect.
"""

from __future__ import annotations

import inspect
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from planloom import Kernel, kernel_function
from planloom.planners.catalogue import entry

ROOT = Path(__file__).parent.parent
TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """The median of nine fresh interpreters."""
    command = [sys.executable, "-c", TIMED.format(module)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(9)]
    return statistics.median(float(run) for run in runs)


def core_install() -> tuple[float, list[str]]:
    """MiB on disk and distributions of a core install in a fresh environment."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        site = next(Path(folder).glob("lib/python*/site-packages"))
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(site), str(ROOT)]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 2**20
        return size, sorted(path.name.partition("-")[0] for path in site.glob("*.dist-info"))


def functions(count: int) -> dict[str, Callable[..., str]]:
    """Functions of three typed parameters with a docstring."""

    def made(number: int) -> Callable[..., str]:
        def function(name: str, count: int, ratio: float = 0.5) -> str:
            return name

        function.__name__ = f"f{number}"
        function.__doc__ = (
            f"Do thing number {number} with care.\n\nArgs:\n    name: whose\n    count: how many"
        )
        return kernel_function(effect="none")(function)

    return {f"f{number}": made(number) for number in range(count)}


def registered(work: dict[str, Callable[..., str]]) -> str:
    kernel = Kernel()
    kernel.add_skill(work, name="Work")
    return "\n".join(entry(function) for function in kernel.functions.values())


def inspected(work: dict[str, Callable[..., str]]) -> str:
    found = []
    for name, function in work.items():
        parameters = inspect.signature(function).parameters.values()
        properties = {p.name: {"type": str(p.annotation)} for p in parameters}
        found.append({"name": name, "description": inspect.getdoc(function), "parameters": properties})
    return json.dumps(found)


def seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    ours, pydantics = import_seconds("planloom"), import_seconds("pydantic, pydantic.type_adapter")
    print(f"import planloom {ours * 1e3:.0f} ms, pydantic {pydantics * 1e3:.0f} ms: {ours / pydantics:.2f}x")
    size, names = core_install()
    print(f"core install {size:.1f} MiB, {len(names)} distributions: {', '.join(names)}")
    work = functions(1_000)
    ours, floor = seconds(lambda: registered(work)), seconds(lambda: inspected(work))
    print(f"1,000 functions and their catalogue {ours * 1e3:.0f} ms, inspect and dict {floor * 1e3:.0f} ms: "
          f"{ours / floor:.2f}x")  # fmt: skip


if __name__ == "__main__":
    main()
