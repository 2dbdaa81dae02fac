"""The clocks of a machine, for tests of what time does to a durable run."""

from __future__ import annotations

from planloom.planners.journal.owner import Clock


class FakeClock(Clock):
    """Both clocks stand until they are moved."""

    def __init__(self) -> None:
        self.now, self.day = 1000.0, 1_700_000_000.0

    def wall(self) -> float:
        return self.day

    def steady(self) -> float:
        return self.now
