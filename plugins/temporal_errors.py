"""What a Temporal server and its workers refuse, as errors that say what to do.

::

    PlanloomError
    ├── HostError                    this process has no kernel for a task queue, or another one already
    ├── RemoteRunError               a run did not finish; carries the name of what it ended with
    └── EngineError                  the server or a worker did not do what was asked of a run
        ├── NoWorkerError            no worker could say what the run waits for
        └── ServerUnreachableError   no answer came from the server
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from planloom.errors import PlanloomError
from planloom.planners.journal.errors import RunNotFoundError

__all__ = ["EngineError", "NoWorkerError", "ServerUnreachableError", "naming", "naming_query"]

TIMED_OUT = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)  # by the server, and by the SDK
SILENT = (RPCStatusCode.UNAVAILABLE, *TIMED_OUT)
UNANSWERED = (RPCStatusCode.FAILED_PRECONDITION, *TIMED_OUT)


class EngineError(PlanloomError):
    """The server, or a worker, did not do what was asked; ``subject`` is the run's id, or what was asked."""

    def __init__(self, subject: str, message: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {message}")


class ServerUnreachableError(EngineError):
    """No answer came from the server."""


class NoWorkerError(EngineError):
    """No worker could say what a run waits for: none lives, or none has what the run began with."""


@contextmanager
def naming(subject: str) -> Iterator[None]:
    """Name what the SDK raises inside the block; ``subject`` is what it is about."""
    try:
        yield
    except RPCError as error:
        raise _named(subject, error) from error
    except RuntimeError as error:  # a client that connects only when it is first used
        raise _unreachable(subject, error) from error


@contextmanager
def naming_query(run_id: str) -> Iterator[None]:
    """The same for what only a worker can answer."""
    with naming(run_id):
        try:
            yield
        except WorkflowQueryFailedError as error:
            raise _no_worker(run_id, error) from error
        except RPCError as error:
            if error.status not in UNANSWERED:
                raise
            raise _no_worker(run_id, error) from error


def _named(subject: str, error: RPCError) -> PlanloomError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return RunNotFoundError(subject, "the server has no run of that id.")
    if error.status in SILENT:
        return _unreachable(subject, error)
    return EngineError(subject, f"the server refuses it, with {error.status.name}: {error}")


def _unreachable(subject: str, error: Exception) -> ServerUnreachableError:
    return ServerUnreachableError(
        subject,
        f"no answer came from the server ({error}). Look whether it runs, then ask again: "
        "a run that was begun goes on by itself.",
    )


def _no_worker(run_id: str, error: Exception) -> NoWorkerError:
    return NoWorkerError(
        run_id,
        f"no worker could answer ({error}). Start one for the run's task queue, with the functions and the "
        "policy that it began with; a worker that refuses the run says why in its log.",
    )
