"""The SQLite directory: what is set is found, and a database that cannot be used is a temporary failure (design 5)."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from conneg.directory import (
    Answer,
    DirectoryError,
    DirectoryUnavailableError,
    EntryKind,
    Known,
    SqliteDirectory,
    Unavailable,
    Unknown,
    read_table,
)
from conneg.errors import ConnegError

T = TypeVar("T")
BW = "(& (image-file-structure=TIFF-minimal) (color=Binary))"


def with_directory(path: Path, use: Any, *, create: bool = False) -> Any:
    async def run() -> Any:
        directory = SqliteDirectory(path, create=create)
        try:
            return await use(directory)
        finally:
            await directory.close()

    return asyncio.run(run())


async def ask(directory: SqliteDirectory, address: str, deadline: float = 30.0) -> Answer:
    return (await directory.lookup([address], deadline))[address]


def expression(answer: Answer) -> str:
    assert isinstance(answer, Known)
    return answer.capability.expression


def test_set_get_list_remove(tmp_path: Path) -> None:
    async def use(directory: SqliteDirectory) -> None:
        await directory.set("June@IFAX1.jp", BW)
        await directory.set("ifax1.jp", "S")
        stored = await directory.get("june@ifax1.jp")
        assert stored is not None
        assert stored.entry.expression == BW
        assert stored.updated_at > 0
        assert [(s.entry.kind, s.entry.name) for s in await directory.list()] == [
            (EntryKind.ADDRESS, "june@ifax1.jp"),
            (EntryKind.DOMAIN, "ifax1.jp"),
        ]
        assert await directory.remove("june@ifax1.jp") is True
        assert await directory.remove("june@ifax1.jp") is False
        assert await directory.get("june@ifax1.jp") is None

    with_directory(tmp_path / "d.sqlite", use)


def test_address_then_longest_pattern_then_domain(tmp_path: Path) -> None:
    async def use(directory: SqliteDirectory) -> None:
        for name, value in {"a@x.e": 1, "*@x.e": 2, "b*@x.e": 3, "x.e": 4, "z.e": 5}.items():
            await directory.set(name, f"(y={value})")
        answers = await directory.lookup(["A@x.e", "b@x.e", "c@x.e", "d@z.e", "e@w.e"], 30.0)
        assert [expression(a) for a in list(answers.values())[:4]] == ["(y=1)", "(y=3)", "(y=2)", "(y=5)"]
        assert answers["e@w.e"] == Unknown()
        await directory.remove("b*@x.e")
        assert expression(await ask(directory, "b@x.e")) == "(y=2)"

    with_directory(tmp_path / "d.sqlite", use)


def test_an_answer_says_where_it_comes_from_and_how_old_it_is(tmp_path: Path) -> None:
    async def use(directory: SqliteDirectory) -> None:
        await directory.set("ifax1.jp", "S")
        answer = await ask(directory, "june@ifax1.jp")
        stored = await directory.get("ifax1.jp")
        assert isinstance(answer, Known)
        assert stored is not None
        assert answer.capability.source == 'd.sqlite: domain "ifax1.jp"'
        assert answer.capability.obtained_at == stored.updated_at
        assert answer.capability.is_page_device

    with_directory(tmp_path / "d.sqlite", use)


def test_what_another_process_writes_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"

    async def use(directory: SqliteDirectory) -> None:
        await directory.set("*@x.e", "(y=1)")
        assert expression(await ask(directory, "a@x.e")) == "(y=1)"
        other = SqliteDirectory(path)
        await other.set("a*@x.e", "(y=2)")
        await other.close()
        assert expression(await ask(directory, "a@x.e")) == "(y=2)"

    with_directory(path, use)


def test_nothing_wrong_is_stored(tmp_path: Path) -> None:
    async def use(directory: SqliteDirectory) -> None:
        with pytest.raises(ConnegError, match="column"):
            await directory.set("june@ifax1.jp", "(color=")
        with pytest.raises(DirectoryError):
            await directory.set("june@", BW)
        await directory.set("may@ifax2.jp", "S")
        assert len(await directory.list()) == 1

    with_directory(tmp_path / "d.sqlite", use)


def test_import_from_a_toml_file(tmp_path: Path) -> None:
    table = read_table(f'[addresses]\n"june@x.e" = "{BW}"\n[patterns]\n"*@y.e" = "S"\n'.encode())

    async def use(directory: SqliteDirectory) -> None:
        assert await directory.import_entries(table.entries()) == 2
        assert expression(await ask(directory, "june@x.e")) == BW
        assert isinstance(await ask(directory, "a@y.e"), Known)

    with_directory(tmp_path / "d.sqlite", use)


def test_a_missing_database_cannot_answer(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite"

    async def use(directory: SqliteDirectory) -> None:
        answer = await ask(directory, "june@x.e")
        assert isinstance(answer, Unavailable)
        assert str(path) in answer.reason
        with pytest.raises(DirectoryUnavailableError):
            await directory.list()
        assert not path.exists()

    with_directory(path, use)


def test_create_makes_an_empty_one_once(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "new.sqlite"

    async def use(directory: SqliteDirectory) -> None:
        assert await ask(directory, "june@x.e") == Unknown()
        for file in path.parent.iterdir():
            file.unlink()
        assert isinstance(await ask(directory, "june@x.e"), Unavailable)

    with_directory(path, use, create=True)


def test_a_locked_database_cannot_answer_in_time(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"

    async def use(directory: SqliteDirectory) -> None:
        await directory.set("june@x.e", BW)
        await directory.close()
        lock = sqlite3.connect(path)
        lock.execute("PRAGMA journal_mode = DELETE")
        lock.execute("PRAGMA locking_mode = EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")
        assert isinstance(await ask(directory, "june@x.e", deadline=0.05), Unavailable)
        lock.rollback()
        lock.close()
        assert expression(await ask(directory, "june@x.e")) == BW

    with_directory(path, use)


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at" * 30, None])
def test_a_file_that_is_no_directory_cannot_answer(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "d.sqlite"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE something_else (x)")
        connection.close()
    else:
        path.write_bytes(content)

    async def use(directory: SqliteDirectory) -> None:
        answer = await ask(directory, "june@x.e")
        assert isinstance(answer, Unavailable)
        assert str(path) in answer.reason

    with_directory(path, use)


def test_an_expression_spoilt_in_the_database_is_a_temporary_failure_of_its_recipient(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"

    async def use(directory: SqliteDirectory) -> None:
        await directory.set("june@x.e", BW)
        await directory.set("may@x.e", BW)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE entry SET expression = '(color=' WHERE name = 'june@x.e'")
        connection.close()
        assert isinstance(await ask(directory, "june@x.e"), Unavailable)
        assert isinstance(await ask(directory, "may@x.e"), Known)

    with_directory(path, use)


def test_many_lookups_at_once(tmp_path: Path) -> None:
    async def use(directory: SqliteDirectory) -> None:
        await directory.set("x.e", BW)
        lookups: list[Coroutine[Any, Any, Answer]] = [ask(directory, f"u{n}@x.e") for n in range(50)]
        assert all(isinstance(answer, Known) for answer in await asyncio.gather(*lookups))

    with_directory(tmp_path / "d.sqlite", use)
