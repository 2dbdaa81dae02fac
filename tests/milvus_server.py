"""A Milvus server of the tests' own: on this machine, in a new folder, stopped at the end.

The package ``milvus`` holds the standalone server as one program; a test without it is skipped.
"""

from __future__ import annotations

import importlib
import socket
from pathlib import Path
from typing import Any

import pytest

__all__ = ["MilvusServer", "empty_database"]

DATABASE = "planloom_tests"
OF_ITS_ETCD = 2380  # the one port that cannot be chosen
LONGEST_START = 90_000  # milliseconds


def empty_database(address: str) -> str:
    """The name of an empty database of the tests' own on a server."""
    connect = importlib.import_module("pymilvus").MilvusClient
    server = connect(address)
    if DATABASE not in server.list_databases():
        server.create_database(DATABASE)
    server.close()
    database = connect(address, db_name=DATABASE)
    for name in database.list_collections():
        database.drop_collection(name)
    database.close()
    return DATABASE


class MilvusServer:
    """The server, which can be stopped and started again with what it keeps in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._library: Any = pytest.importorskip("milvus", reason="the package milvus is not installed")
        self._folder = folder
        self._server: Any = None
        self.address = ""

    def start(self) -> None:
        """Start it at an address of its own and wait until it answers; skips the test where it does not."""
        if not is_free(OF_ITS_ETCD):
            pytest.skip(f"port {OF_ITS_ETCD}, which a Milvus server needs, is taken")
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        config = self._library.MilvusServerConfig(data_dir=str(self._folder), proxy_port=port)
        self._server = self._library.MilvusServer(config, wait_for_started=False)
        self._server.start()
        try:
            self._server.wait_started(timeout=LONGEST_START)
        except (TimeoutError, RuntimeError) as error:
            self.stop()
            pytest.skip(f"Milvus does not start here: {error}")

    def stop(self) -> None:
        """End it at once, as a crash would; nothing happens if it does not run."""
        if self._server is not None:
            self._server.stop()
            self._server = None


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0
