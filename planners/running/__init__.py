"""Running a program: the deterministic scheduler, the asyncio executor, events and errors."""
