"""Threads for functions that block."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import threading

import pytest

from planloom import threads
from planloom.threads import in_thread

NAME = contextvars.ContextVar("name", default="nobody")


def test_work_runs_in_another_thread_with_the_context_of_its_caller() -> None:
    async def go() -> tuple[str, int, bool]:
        NAME.set("ada")
        return await in_thread(lambda: (NAME.get(), threading.get_ident(), threading.current_thread().daemon))

    name, thread, daemon = asyncio.run(go())
    assert name == "ada"
    assert thread != threading.get_ident()
    assert daemon


def test_arguments_and_errors_are_passed_on() -> None:
    assert asyncio.run(in_thread(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divmod, 7, 0))


def test_an_exit_in_a_thread_is_an_exit_of_whoever_waits_for_it() -> None:
    async def go() -> BaseException:
        try:
            await in_thread(exit_now)
        except SystemExit as error:
            return error
        raise AssertionError

    def exit_now() -> None:
        raise SystemExit(7)

    assert asyncio.run(go()).args == (7,)


def test_calls_wait_for_a_thread_and_one_that_is_cancelled_before_it_has_begun_never_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "MOST", 2)
    ran: list[str] = []
    blocked = threading.Event()

    async def go() -> None:
        first = [asyncio.create_task(in_thread(blocked.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        cancelled = asyncio.create_task(in_thread(ran.append, "cancelled"))
        last = asyncio.create_task(in_thread(ran.append, "last"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        blocked.set()
        await asyncio.gather(*first, last)

    asyncio.run(go())
    assert ran == ["last"]


def test_the_loop_does_not_wait_for_a_call_that_was_given_up() -> None:
    begun, blocked = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        blocked.wait()

    async def go() -> None:
        task = asyncio.create_task(in_thread(hang))
        await in_thread(begun.wait)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(go())  # with asyncio.to_thread this would not come to an end
    assert not blocked.is_set()
    blocked.set()


@pytest.mark.parametrize("at_once", [1, 100])
def test_many_calls_each_give_their_own_value(at_once: int) -> None:
    async def go() -> list[int]:
        return await asyncio.gather(*(in_thread(pow, number, 2) for number in range(at_once)))

    for _ in range(20):
        assert asyncio.run(go()) == [number * number for number in range(at_once)]


def test_work_may_wait_for_work_of_a_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST", 1)

    def nested(depth: int) -> int:
        return 1 + asyncio.run(in_thread(nested, depth - 1)) if depth else 0

    assert asyncio.run(in_thread(nested, 5)) == 5


def test_the_threads_of_a_loop_end_with_it() -> None:
    def go() -> threading.Thread:
        return asyncio.run(in_thread(threading.current_thread))

    thread = go()
    gc.collect()
    thread.join(timeout=60)
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # threads and fork: that is what is tried
def test_a_forked_process_has_threads_of_its_own() -> None:
    asyncio.run(in_thread(int))
    child = os.fork()
    if not child:
        os._exit(asyncio.run(in_thread(int, "7")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
