from __future__ import annotations

import asyncio
import math

import pytest

from planloom.errors import ArgumentError
from planloom.skills import WaitSkill


def skill_and_naps(max_seconds: float = 60) -> tuple[WaitSkill, list[float]]:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    return WaitSkill(max_seconds, sleep), naps


@pytest.mark.parametrize("seconds", [0, 0.25, 60])
def test_it_sleeps_once_and_says_how_long(seconds: float) -> None:
    skill, naps = skill_and_naps()
    assert asyncio.run(skill.wait(seconds)) == seconds
    assert naps == [seconds]


@pytest.mark.parametrize("seconds", [-0.001, 60.001, math.nan, math.inf])
def test_other_times_are_refused_before_sleeping(seconds: float) -> None:
    skill, naps = skill_and_naps()
    with pytest.raises(ArgumentError, match="from 0 to 60"):
        asyncio.run(skill.wait(seconds))
    assert naps == []
