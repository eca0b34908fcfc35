"""Directories in SQLite, PostgreSQL and MariaDB, by servers of the test's own."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conneg.directory import (
    Answer,
    DirectoryError,
    DirectoryUnavailableError,
    EntryKind,
    Faulty,
    Known,
    SqlDirectory,
    Unavailable,
    Unknown,
    read_table,
)
from conneg.directory.sql import MAX_HANGING
from conneg.errors import ConnegError
from tests.databases import MariaDb, Postgres

BW = "(& (image-file-structure=TIFF-minimal) (color=Binary))"
SERVERS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.system),
    pytest.param("mariadb", marks=pytest.mark.system),
]


@pytest.fixture(scope="module", params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('sql') / 'directory.db'}"
        return
    with Postgres() if request.param == "postgresql" else MariaDb() as server:
        yield server.url


def expression(answer: Answer) -> str:
    assert isinstance(answer, Known), answer
    return answer.capability.expression


async def test_what_is_set_is_found_by_address_pattern_and_domain(url: str) -> None:
    directory = SqlDirectory(url)
    await directory.set("June@IFAX1.jp", BW)
    for name, value in {"a@x.e": 1, "*@x.e": 2, "b*@x.e": 3, "x.e": 4, "z.e": 5}.items():
        await directory.set(name, f"(y={value})")
    asked = ["June@ifax1.jp", "A@x.e", "b@x.e", "c@x.e", "d@z.e", "e@w.e"]
    before = time.time()
    answers = await directory.lookup(asked, 30)
    assert list(answers) == asked
    assert [expression(answers[one]) for one in asked[:5]] == [BW, "(y=1)", "(y=3)", "(y=2)", "(y=5)"]
    assert answers["e@w.e"] == Unknown()
    june = answers["June@ifax1.jp"]
    assert isinstance(june, Known)
    assert june.capability.authenticated
    assert june.capability.obtained_at == pytest.approx(before, abs=60)
    assert directory.name in june.capability.source
    await directory.close()


async def test_entries_are_listed_replaced_and_removed(url: str) -> None:
    directory = SqlDirectory(url)
    for stored in await directory.list():
        await directory.remove(stored.entry.name)
    await directory.import_entries(
        read_table(b'[addresses]\n"a@x.e" = "S"\n[domains]\n"x.e" = "C"\n').entries()
    )
    await directory.set("a@x.e", "(y=1)")
    assert [(s.entry.kind, s.entry.name, s.entry.expression) for s in await directory.list()] == [
        (EntryKind.ADDRESS, "a@x.e", "(y=1)"),
        (EntryKind.DOMAIN, "x.e", expression((await directory.lookup(["b@x.e"], 30))["b@x.e"])),
    ]
    assert await directory.remove("A@x.e") is True
    assert await directory.remove("a@x.e") is False
    await directory.close()


async def test_a_statement_over_a_table_of_users(url: str) -> None:
    """Names in the table's own spelling, NULL for those without a device, several rows of one user."""
    own = SqlDirectory(url)
    await own.list()

    def make(connection: Any) -> None:
        from sqlalchemy import text

        connection.execute(text("DROP TABLE IF EXISTS users"))
        connection.execute(
            text("CREATE TABLE users (mail VARCHAR(200), device TEXT, changed TIMESTAMP NULL)")
        )
        rows = [
            {"m": "June@X.e", "d": "(y=1)", "c": "2024-05-01 12:00:00"},
            {"m": "two@x.e", "d": "(y=1)", "c": None},
            {"m": "two@x.e", "d": "(y=2)", "c": None},
            {"m": "none@x.e", "d": None, "c": None},
            {"m": "x.e", "d": "(y=9)", "c": None},
            {"m": "broken@x.e", "d": "(y=", "c": None},
        ]
        connection.execute(text("INSERT INTO users VALUES (:m, :d, :c)"), rows)

    await own._change(make)
    directory = SqlDirectory(
        url,
        "SELECT mail AS name, device AS capability, changed AS changed_at FROM users WHERE LOWER(mail) IN :addresses",
        label="users",
    )
    asked = ["june@x.e", "two@x.e", "none@x.e", "broken@x.e", "nobody@x.e", "';--@x.e"]
    answers = await directory.lookup(asked, 30)
    june = answers["june@x.e"]
    assert isinstance(june, Known)
    assert (june.capability.expression, june.capability.source) == ("(y=1)", 'users: "june@x.e"')
    assert june.capability.obtained_at == 1714564800
    assert expression(answers["two@x.e"]) == "(| (y=1) (y=2))"
    assert isinstance(answers["broken@x.e"], Faulty)
    assert [answers[one] for one in ("none@x.e", "nobody@x.e", "';--@x.e")] == [Unknown()] * 3
    with pytest.raises(DirectoryError, match="users has a statement of its own"):
        await directory.set("a@x.e", "(y=1)")
    await own.close()
    await directory.close()


async def test_many_recipients_are_one_question_and_more_than_one(url: str) -> None:
    directory = SqlDirectory(url)
    text = "[addresses]\n" + "".join(f'"u{n}@many.e" = "(y={n})"\n' for n in range(1200))
    await directory.import_entries(read_table(text.encode()).entries())
    asked = [f"u{n}@many.e" for n in range(1300)]
    answers = await directory.lookup(asked, 30)
    assert [expression(answers[f"u{n}@many.e"]) for n in (0, 600, 1199)] == ["(y=0)", "(y=600)", "(y=1199)"]
    assert answers["u1200@many.e"] == Unknown()
    await directory.close()


@pytest.mark.system
@pytest.mark.parametrize("kind", [Postgres, MariaDb])
async def test_a_server_that_is_paused_stopped_and_started_again(
    kind: type[Postgres] | type[MariaDb],
) -> None:
    with kind() as server:
        directory = SqlDirectory(server.url, seconds=2)
        await directory.set("june@x.e", BW)
        june = ["june@x.e"]
        assert expression((await directory.lookup(june, 30))["june@x.e"]) == BW

        server.pause()
        began = time.monotonic()
        late = (await directory.lookup(june, 0.3))["june@x.e"]
        assert isinstance(late, Unavailable)
        assert "0.3 s" in late.reason
        assert time.monotonic() - began < 5
        server.resume()
        assert expression((await directory.lookup(june, 30))["june@x.e"]) == BW

        server.stop()
        down = (await directory.lookup(june, 10))["june@x.e"]
        assert isinstance(down, Unavailable)
        assert "\n" not in down.reason
        server.start()
        assert expression((await directory.lookup(june, 30))["june@x.e"]) == BW
        await directory.close()


async def test_what_cannot_be_a_directory_is_told() -> None:
    with pytest.raises(ConnegError, match="not the address of a database"):
        SqlDirectory("nonsense")
    with pytest.raises(ConnegError, match=r"nonsense"):
        SqlDirectory("nonsense://host/db")
    with pytest.raises(DirectoryError, match=":names"):
        SqlDirectory("sqlite:///x", "SELECT 1")


async def test_a_database_without_the_table_cannot_say(tmp_path: Path) -> None:
    directory = SqlDirectory(f"sqlite:///{tmp_path / 'empty.db'}")
    answer = (await directory.lookup(["june@x.e"], 30))["june@x.e"]
    assert isinstance(answer, Unavailable)
    assert "no such table" in answer.reason
    await directory.close()


async def test_a_statement_that_gives_other_columns_or_too_much_cannot_say(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'd.db'}"
    own = SqlDirectory(url)
    await own.set("june@x.e", BW)
    for statement, reason in {
        "SELECT name FROM conneg_directory WHERE name IN :names": "no column",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) "
        "SELECT 'june@x.e' AS name, 'S' AS capability FROM n WHERE 'june@x.e' IN :names": "directory.rows",
    }.items():
        directory = SqlDirectory(url, statement)
        answer = (await directory.lookup(["june@x.e"], 30))["june@x.e"]
        assert isinstance(answer, Unavailable)
        assert reason in answer.reason
        await directory.close()
    with pytest.raises(DirectoryUnavailableError):
        await SqlDirectory(f"sqlite:///{tmp_path}/no/such/folder/d.db").list()
    await own.close()


async def test_questions_that_hang_are_bounded_and_hold_up_nobody_after_them(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    directory = SqlDirectory(f"sqlite:///{path}", seconds=20)
    await directory.set("june@x.e", BW)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    reasons = []
    for _ in range(MAX_HANGING.value + 3):
        answer = (await directory.lookup(["june@x.e"], 0.05))["june@x.e"]
        assert isinstance(answer, Unavailable)
        reasons.append(answer.reason)
    assert "0.05 s" in reasons[0]
    assert "directory.hanging" in reasons[-1]
    blocker.execute("ROLLBACK")
    blocker.close()
    async with asyncio.timeout(60):
        while not isinstance((await directory.lookup(["june@x.e"], 30))["june@x.e"], Known):
            await asyncio.sleep(0.05)
    await directory.close()


@pytest.mark.system
async def test_a_new_connection_is_tried_while_old_ones_hang() -> None:
    """A host that has vanished with its connections open, and another one in its place."""
    with Postgres() as server:
        where = {"path": f"{server.folder}/.s.PGSQL.5432", "holds": False}
        pending: list[asyncio.StreamWriter] = []

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
            while data := await reader.read(65536):
                if is_answer and where["holds"]:
                    await asyncio.Event().wait()
                writer.write(data)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            up, down = await asyncio.open_unix_connection(str(where["path"]))
            pending.extend((writer, down))
            with contextlib.suppress(OSError):
                await asyncio.gather(pipe(reader, down, False), pipe(up, writer, True))

        relay = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = relay.sockets[0].getsockname()[1]
        directory = SqlDirectory(f"postgresql+psycopg://mail@127.0.0.1:{port}/postgres", seconds=60)
        await directory.set("june@x.e", BW)
        where["holds"] = True
        lookups = [asyncio.create_task(directory.lookup(["june@x.e"], 60)) for _ in range(4)]
        _, late = await asyncio.wait(
            lookups, timeout=0.5
        )  # as many as there are connections; whose time ends, ends
        for lookup in late:
            lookup.cancel()
        assert len(late) == 4
        assert {type(one) for one in await asyncio.gather(*late, return_exceptions=True)} == {
            asyncio.CancelledError
        }
        where["holds"] = False
        assert expression((await directory.lookup(["june@x.e"], 30))["june@x.e"]) == BW
        await directory.close()
        for writer in pending:
            writer.close()
        relay.close()


@pytest.mark.system
def test_a_command_ends_although_a_database_hangs(tmp_path: Path) -> None:
    with Postgres() as server:
        (tmp_path / "c.toml").write_text(
            f'[conneg]\nlookup_seconds = 1\n[[source]]\nname = "pg"\nkind = "sql"\nurl = "{server.url}"\n'
        )
        server.pause()
        command = [sys.executable, "-m", "conneg.cli", "directory", "--config", "c.toml", "test", "june@x.e"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 75
        assert "no answer within 1" in done.stdout
