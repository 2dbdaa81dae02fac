"""The SQL door, on SQLite and on a real PostgreSQL server, where one can be started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from planloom import Kernel
from planloom.errors import ArgumentError, RegistrationError, TooLargeError
from planloom.planners import Executor, Plan
from planloom.plugins import Statement, sql_skill
from planloom.plugins.errors import SqlError
from planloom.plugins.sql_database import Database

SETUP = (
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, price NUMERIC(8, 2), added DATE)",
    "CREATE TABLE secrets (key VARCHAR(40))",
    "INSERT INTO items VALUES (1, 'apple', 1.50, '2024-01-02'), (2, 'pear', NULL, NULL)",
    "INSERT INTO items VALUES (3, 'plum', 9.99, NULL)",
    "INSERT INTO secrets VALUES ('k')",
)
STATEMENTS = {
    "addItem": Statement(
        "INSERT INTO items (id, name, price) VALUES (:id, :name, :price)",
        "Put an item up for sale.",
        types={"id": int, "name": str, "price": float},
    ),
    "named": Statement("SELECT * FROM items WHERE name = :name", effect="read"),
    "lying": Statement("DELETE FROM items WHERE id = :id", effect="read"),
}


def postgres_problem() -> str:
    """Why no PostgreSQL server can be started here; empty if one can."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        return "PostgreSQL's server programs are not installed"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    if os.geteuid() == 0 and _nobody() is None:
        return "PostgreSQL does not run as root, and there is no other user"
    return ""


def _nobody() -> pwd.struct_passwd | None:
    return next((user for user in pwd.getpwall() if user.pw_name in ("postgres", "nobody")), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    if problem := postgres_problem():
        pytest.skip(problem)
    folder = Path(tempfile.mkdtemp(prefix="planloom-"))  # pytest's own folder is closed to other users
    user = _nobody() if os.geteuid() == 0 else None
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = str(folder / "data")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    try:
        subprocess.run(
            ["initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8"], check=True, **quiet
        )
        server = subprocess.Popen(
            ["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"], **quiet
        )
        try:
            address = f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
            _wait(address, server)
            yield address
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    engine = sqlalchemy.create_engine(address)
    for _ in range(200):
        assert server.poll() is None, "the PostgreSQL server ended"
        try:
            with engine.connect():
                break
        except sqlalchemy.exc.OperationalError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.05)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlalchemy.Engine]:
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'shop.db'}"
    else:
        address = request.getfixturevalue("postgres")
    made = sqlalchemy.create_engine(address)
    with made.begin() as connection:
        if request.param == "postgresql":
            connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS items, secrets"))
        for statement in SETUP:
            connection.execute(sqlalchemy.text(statement))
    yield made
    made.dispose()


def shop(engine: sqlalchemy.Engine, **options: Any) -> Kernel:
    kernel = Kernel()
    kernel.add_skill(sql_skill(engine, "Shop", statements=STATEMENTS, **options))
    return kernel


def names(engine: sqlalchemy.Engine) -> list[str]:
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(sqlalchemy.text("SELECT name FROM items ORDER BY id"))]


def test_a_plan_reads_and_writes_what_was_declared(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine)
    assert {name: f.effect for name, f in kernel.functions.items() if f.effect == "write"} == {
        "Shop.addItem": "write"
    }
    plan = Plan.parse(
        '<plan><function.Shop.addItem id="4" name="fig" price="2.25"/>'
        '<function.Shop.find table="items" where=\'{"name": "fig"}\' setContextVariable="F"/>'
        '<result name="RESULT__NAME" value="$F[0].name"/></plan>',
        kernel,
    )
    assert asyncio.run(Executor(kernel).run(plan)).text == "fig"
    assert names(engine) == ["apple", "pear", "plum", "fig"]


def test_looking_around(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine)
    assert kernel.invoke_sync("Shop.tables") == ["items", "secrets"]
    columns = kernel.invoke_sync("Shop.columns", table="items")
    assert [(one["name"], one["nullable"]) for one in columns][1:] == [
        ("name", False),
        ("price", True),
        ("added", True),
    ]
    found = kernel.invoke_sync("Shop.find", table="items", columns=["name", "added"], order_by="-id", limit=2)
    assert found == [{"name": "plum", "added": None}, {"name": "pear", "added": None}]
    assert kernel.invoke_sync("Shop.find", table="items", where={"price": None})[0]["name"] == "pear"
    assert kernel.invoke_sync("Shop.named", name="apple")[0]["added"] == "2024-01-02"
    rows = kernel.invoke_sync(
        "Shop.query", sql="SELECT name FROM items WHERE id > :n ORDER BY id", values={"n": 1}
    )
    assert rows == [{"name": "pear"}, {"name": "plum"}]


@pytest.mark.parametrize("value", ["x'; DELETE FROM items; --", "' OR '1'='1", ":id", "%s", "a\x01b", "😀"])
def test_sql_in_a_value_stays_a_value(engine: sqlalchemy.Engine, value: str) -> None:
    kernel = shop(engine)
    assert kernel.invoke_sync("Shop.named", name=value) == []
    assert kernel.invoke_sync("Shop.find", table="items", where={"name": value}) == []
    kernel.invoke_sync("Shop.addItem", id=9, name=value, price=1)
    assert names(engine) == ["apple", "pear", "plum", value]


WRITES = [
    "DELETE FROM items",
    "INSERT INTO items (id, name) VALUES (7, 'x') RETURNING id",
    "UPDATE items SET name = 'x'",
    "DROP TABLE items",
    "CREATE TABLE more (id INTEGER)",
    "SELECT 1; DELETE FROM items",
    "SELECT 1) AS q; DELETE FROM items; SELECT * FROM (SELECT 1",
    "COMMIT; DELETE FROM items",
    "SELECT 1) AS q; COMMIT; DELETE FROM items; SELECT * FROM (SELECT 1",
    "SET TRANSACTION READ WRITE; DELETE FROM items",
    "WITH gone AS (DELETE FROM items RETURNING id) SELECT * FROM gone",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "ATTACH DATABASE 'other.db' AS other",
    "VACUUM",
    "SELECT load_extension('evil')",
    "SELECT name INTO more FROM items",
    "",
    "nonsense",
]


@pytest.mark.parametrize("sql", WRITES)
def test_a_query_cannot_write_whatever_it_says(engine: sqlalchemy.Engine, sql: str) -> None:
    kernel = shop(engine)
    with pytest.raises(SqlError):
        kernel.invoke_sync("Shop.query", sql=sql)
    assert names(engine) == ["apple", "pear", "plum"]
    assert kernel.invoke_sync("Shop.tables") == ["items", "secrets"]
    assert kernel.invoke_sync("Shop.query", sql="SELECT 1 AS n") == [{"n": 1}]


def test_a_statement_that_says_it_reads_cannot_write(engine: sqlalchemy.Engine) -> None:
    with pytest.raises(SqlError):
        shop(engine).invoke_sync("Shop.lying", id=1)
    assert names(engine) == ["apple", "pear", "plum"]


def test_a_failed_write_is_undone_and_its_values_are_not_in_the_error(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine)
    with pytest.raises(SqlError) as caught:
        kernel.invoke_sync("Shop.addItem", id=1, name="s3cret", price=1)
    assert "s3cret" not in str(caught.value)
    assert names(engine) == ["apple", "pear", "plum"]


def test_tables_and_columns_that_are_not_there_or_not_allowed(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine, tables=["items"], free_queries=False)
    assert kernel.invoke_sync("Shop.tables") == ["items"]
    assert "Shop.query" not in kernel.functions
    for arguments in (
        {"table": "secrets"},
        {"table": "none"},
        {"table": 'items" --'},
        {"table": "items", "where": {"none": 1}},
        {"table": "items", "order_by": "id; DROP TABLE items"},
        {"table": "items", "columns": ["*"]},
        {"table": "items", "limit": 0},
        {"table": "items", "limit": 10_000},
    ):
        with pytest.raises(ArgumentError):
            kernel.invoke_sync("Shop.find", **arguments)
    with pytest.raises(ArgumentError, match="it has items"):
        shop(engine).invoke_sync("Shop.find", table="none")


def test_too_many_rows_and_too_long_a_query_are_named_errors(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine, max_rows=2, timeout=0.3)
    assert len(kernel.invoke_sync("Shop.query", sql="SELECT * FROM items", limit=2)) == 2
    everything = {"all": Statement("SELECT * FROM items", effect="read")}
    kernel.add_skill(sql_skill(engine, "All", statements=everything, max_rows=2))
    with pytest.raises(TooLargeError, match=r"larger than 2 rows\. Raise the skill's max_rows"):
        kernel.invoke_sync("All.all")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(SqlError):
        kernel.invoke_sync("Shop.query", sql=endless, limit=1)


def test_a_result_of_too_many_bytes_is_a_named_error(engine: sqlalchemy.Engine) -> None:
    kernel = shop(engine, max_bytes=1000)
    sql = "SELECT CAST(:text AS VARCHAR(4000)) AS text"
    assert kernel.invoke_sync("Shop.query", sql=sql, values={"text": "x" * 900})
    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        kernel.invoke_sync("Shop.query", sql=sql, values={"text": "x" * 1000})
    rows = "SELECT name FROM items CROSS JOIN (SELECT id AS other FROM items) AS more"
    with pytest.raises(TooLargeError):
        shop(engine, max_bytes=100).invoke_sync("Shop.query", sql=rows)


def test_a_database_in_memory_is_one_for_all_calls() -> None:
    made = {
        "make": Statement("CREATE TABLE notes (text VARCHAR(40))"),
        "keep": Statement("INSERT INTO notes VALUES (:text)"),
    }
    kernel = Kernel()
    kernel.add_skill(sql_skill("sqlite://", "Desk", statements=made))
    kernel.invoke_sync("Desk.make")

    async def keep_and_look(number: int) -> list[str]:
        await kernel.invoke("Desk.keep", text=str(number))
        found: list[str] = await kernel.invoke("Desk.tables")
        return found

    async def many() -> list[list[str]]:
        return await asyncio.gather(*map(keep_and_look, range(20)))

    assert asyncio.run(many()) == [["notes"]] * 20
    assert len(kernel.invoke_sync("Desk.find", table="notes")) == 20


def test_the_end_of_one_read_does_not_let_another_write_through_the_connection_they_share() -> None:
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=sqlalchemy.StaticPool, connect_args={"check_same_thread": False}
    )
    first, second = (Database(name, engine, None, 10, 5.0, 1000) for name in ("First", "Second"))
    other = threading.Thread(target=second.table_names)

    def write_while_the_other_reads() -> None:
        with first._reading("First.query") as connection:
            other.start()
            other.join(0.1)  # it has to wait for this one
            connection.execute(sqlalchemy.text("CREATE TABLE more (id INTEGER)"))

    with pytest.raises(SqlError, match="not authorized"):
        write_while_the_other_reads()
    other.join()
    assert first.table_names() == []


def test_what_is_no_database_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError):
        sql_skill("nonsense")
    with pytest.raises(RegistrationError):
        sql_skill("sqlite://", statements={"f": Statement("SELECT :a", types={"b": int})})
    kernel = Kernel()
    kernel.add_skill(sql_skill(f"sqlite:///{tmp_path}/no/such/folder.db", "Gone"))
    with pytest.raises(SqlError):
        kernel.invoke_sync("Gone.tables")
