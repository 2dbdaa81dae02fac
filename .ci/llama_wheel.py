"""Build llama-cpp-python's wheel once, keep it in the user's cache, and print where it is.

    python .ci/llama_wheel.py VERSION

The index has only its source, which compiles for minutes. This build takes about half as long and is safe:

- without llama.cpp's ``common`` library, which the Python package does not use. Its CMake files force it on,
  so it is shadowed by a variable in a file that CMake includes (``CMAKE_PROJECT_INCLUDE``);
- without ``-march=native``: with gcc 12 on a CPU that has AMX, the native build crashes in its first matrix
  product (ggml-org/llama.cpp issue 20824). What remains on x86-64 is AVX2, FMA and F16C.

The build itself fetches cmake and ninja where the machine has none; a C and a C++ compiler it must have.
Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PACKAGE = "llama-cpp-python"
COMMON_OFF = "set(LLAMA_BUILD_COMMON OFF)\n"
FLAGS = ("-DGGML_NATIVE=OFF", "-DLLAVA_BUILD=OFF")
REPORT_EVERY = 5.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cache_folder(version: str) -> Path:
    """One folder for each version, Python, platform and set of flags."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    flags = hashlib.sha256("\n".join((*FLAGS, COMMON_OFF)).encode()).hexdigest()[:8]
    python = f"{sys.implementation.name}{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform()
    return Path(root) / "planloom" / "wheels" / f"{PACKAGE}-{version}-{python}-{platform}-{flags}"


def wheel_in(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*.whl"))), None)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends."""
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another build of {PACKAGE} is under way; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_compiler() -> None:
    for variable, names in (("CC", ("cc", "gcc", "clang")), ("CXX", ("c++", "g++", "clang++"))):
        if not os.environ.get(variable) and not any(map(shutil.which, names)):
            raise SystemExit(
                f"{PACKAGE} is compiled on this machine, and there is no {names[0]}. Install a C and a C++ "
                "compiler (Debian: apt install build-essential; Fedora: dnf install gcc-c++; "
                "macOS: xcode-select --install)."
            )


def progress(log: Path, started: float) -> str:
    """The build tool's own count, if it has got that far."""
    counts = re.findall(rb"\[(\d+)/(\d+)\]", log.read_bytes())
    at = "preparing" if not counts else "step {} of {}".format(*(number.decode() for number in counts[-1]))
    return f"  building {PACKAGE}: {at}, {time.monotonic() - started:.0f} s"


def watch(command: list[str], environment: dict[str, str], log: Path) -> int:
    """Run ``command``, say every few seconds how far it is, and end all its children if we are ended."""
    started = time.monotonic()
    with log.open("wb") as output:
        # A session of its own, so that the compilers below pip can be ended with it.
        child = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            while True:
                try:
                    return child.wait(REPORT_EVERY)
                except subprocess.TimeoutExpired:
                    say(progress(log, started))
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def build(version: str, folder: Path) -> None:
    """Compile in a scratch folder beside the target, and move the wheel in as the last act."""
    require_compiler()
    for left_over in folder.glob("building-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    say(f"Building {PACKAGE} {version}: once for this machine, about two minutes on two quiet cores.")
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder) as scratch:
        common_off, log = Path(scratch, "common_off.cmake"), Path(scratch, "log")
        common_off.write_text(COMMON_OFF)
        flags = [*FLAGS, f"-DCMAKE_PROJECT_INCLUDE={common_off}"]
        # --no-cache-dir: pip's cache does not know of CMAKE_ARGS and could give a wheel built without them.
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--verbose"]
        command += ["--no-binary", PACKAGE, "--wheel-dir", scratch, f"{PACKAGE}=={version}"]
        status = watch(command, {**os.environ, "CMAKE_ARGS": " ".join(flags)}, log)
        wheel = wheel_in(Path(scratch))
        if status or wheel is None:
            say("\n".join(log.read_text(errors="replace").splitlines()[-40:]))
            raise SystemExit(f"{PACKAGE} {version} did not build; the end of its log is above.")
        os.replace(wheel, folder / wheel.name)


def end(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    signal.signal(signal.SIGTERM, end)
    version = sys.argv[1]
    folder = cache_folder(version)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if wheel_in(folder) is None:
            build(version, folder)
    print(wheel_in(folder))


if __name__ == "__main__":
    main()
