"""Other frameworks, each in an environment of its own, so that none disturbs another or planloom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".cache" / "bench"
PACKAGES = {
    "semantic_kernel": ["semantic-kernel==1.45.0"],
    "hamilton": ["apache-hamilton==1.90.0"],
    "langgraph": ["langgraph==1.2.22"],
}


def python_of(peer: str) -> Path:
    """The peer's own Python, its environment made on first use."""
    environment = ENVIRONMENTS / peer
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        print(f"installing {', '.join(PACKAGES[peer])} for comparison (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *PACKAGES[peer]], check=True, stderr=subprocess.DEVNULL)
        (environment / "ready").touch()
    return python


def measured(peer: str) -> dict[str, Any]:
    """What ``peer_<name>.py`` measured just now; empty when the peer cannot be installed here."""
    try:
        python = python_of(peer)
        done = subprocess.run(
            [str(python), str(HERE / f"peer_{peer}.py")], check=True, capture_output=True, text=True
        )
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{peer}: not measured ({error})", file=sys.stderr)
        return {}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
