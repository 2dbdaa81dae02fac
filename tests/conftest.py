"""Shared fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from command_line import CommandLine
from planloom.services import allow_model_requests

# a busy machine must not fail a test: speed is shown in benchmarks/
# and in CI the examples are the same each time
settings.register_profile(
    "planloom",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("planloom")


@pytest.fixture(autouse=True)
def real_models_only_where_marked(request: pytest.FixtureRequest) -> Iterator[None]:
    """A request to a real model fails, except in tests marked ``local_model``."""
    with allow_model_requests(request.node.get_closest_marker("local_model") is not None):
        yield


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line in an empty folder with the samples' skills."""
    return CommandLine(tmp_path, monkeypatch, capsys)
