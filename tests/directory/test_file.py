"""The file directory: read again when it changes; a broken version changes nothing but `problem` (design 2, 5)."""

import asyncio
import os
from pathlib import Path

import pytest

from conneg.directory import Answer, DirectoryError, FileDirectory, Known, Unavailable, Unknown
from conneg.negotiation import Provenance

MONO = '[addresses]\n"june@ifax1.jp" = "S"\n'
COLOUR = '[addresses]\n"june@ifax1.jp" = "C"\n"may@ifax2.jp" = "S"\n'
BROKEN = '[addresses]\n"june@ifax1.jp" = "(color="\n'


def directory(path: Path, problems: list[str] | None = None) -> FileDirectory:
    on_problem = None if problems is None else problems.append
    return FileDirectory(path, on_problem=on_problem, recheck_seconds=0.0, patience_seconds=30.0)


async def ask(source: FileDirectory, address: str = "june@ifax1.jp", deadline: float = 30.0) -> Answer:
    return (await source.lookup([address], deadline))[address]


def colours(answer: Answer) -> str:
    assert isinstance(answer, Known)
    return str(answer.capability.features)


def test_an_answer_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)
    answers = asyncio.run(directory(path).lookup(["<June@IFAX1.jp>", "x@y"], 30.0))
    known = answers["<June@IFAX1.jp>"]
    assert isinstance(known, Known)
    assert known.capability.provenance is Provenance.DIRECTORY
    assert known.capability.source == 'who.toml: address "june@ifax1.jp"'
    assert known.capability.obtained_at == path.stat().st_mtime
    assert known.capability.is_page_device
    assert answers["x@y"] == Unknown()


@pytest.mark.shows("R-4")
def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)

    async def run() -> None:
        source = directory(path)
        before = await ask(source)
        assert await ask(source, "may@ifax2.jp") == Unknown()
        path.write_text(COLOUR)
        after = await ask(source)
        assert colours(before) != colours(after)
        assert isinstance(await ask(source, "may@ifax2.jp"), Known)

    asyncio.run(run())


def test_a_change_that_keeps_the_size_is_seen_by_its_time_or_its_inode(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)
    status = path.stat()

    async def run() -> None:
        source = directory(path)
        before = await ask(source)
        other = tmp_path / "new.toml"
        other.write_text(MONO.replace('"S"', '"C"'))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(path)
        assert colours(await ask(source)) != colours(before)

    asyncio.run(run())


def test_a_broken_version_keeps_the_old_one_in_force_and_is_reported_once(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)
    problems: list[str] = []

    async def run() -> None:
        source = directory(path, problems)
        before = await ask(source)
        assert source.problem is None
        path.write_text(BROKEN)
        assert await ask(source) == before
        assert await ask(source) == before
        assert source.problem is not None
        assert source.problem.startswith(f'{path}: line 2: [addresses] "june@ifax1.jp": ')
        assert problems == [source.problem]
        path.write_text(COLOUR)
        assert colours(await ask(source)) != colours(before)
        assert source.problem is None

    asyncio.run(run())


def test_putting_the_old_version_back_clears_the_problem(tmp_path: Path) -> None:
    path, aside = tmp_path / "who.toml", tmp_path / "aside.toml"
    path.write_text(MONO)

    async def run() -> None:
        source = directory(path)
        await ask(source)
        path.rename(aside)
        assert isinstance(await ask(source), Known)
        assert source.problem is not None
        assert "cannot be read" in source.problem
        aside.rename(path)
        assert isinstance(await ask(source), Known)
        assert source.problem is None

    asyncio.run(run())


@pytest.mark.parametrize("text", [None, BROKEN])
def test_with_no_good_version_the_directory_cannot_answer(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "who.toml"
    if text is not None:
        path.write_text(text)
    answer = asyncio.run(ask(directory(path)))
    assert isinstance(answer, Unavailable)
    assert str(path) in answer.reason


def test_no_time_is_an_answer_too(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)
    assert isinstance(asyncio.run(ask(directory(path), deadline=0.0)), Unavailable)


def test_the_file_is_not_looked_at_more_often_than_told(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)

    async def run() -> None:
        source = FileDirectory(path, recheck_seconds=3600.0, patience_seconds=30.0)
        before = await ask(source)
        path.write_text(COLOUR)
        assert await ask(source) == before
        await source.reload()
        assert colours(await ask(source)) != colours(before)

    asyncio.run(run())


def test_one_directory_serves_one_loop_after_another(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text(MONO)
    source = directory(path)
    first = asyncio.run(ask(source))
    assert asyncio.run(ask(source)) == first


def test_the_loop_goes_on_while_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    path.write_text("[addresses]\n" + "".join(f'"u{n}@x" = "S"\n' for n in range(5_000)))

    async def run() -> int:
        turns = 0
        lookup = asyncio.create_task(ask(directory(path), "u1@x"))
        while not lookup.done():
            await asyncio.sleep(0)
            turns += 1
        assert isinstance(lookup.result(), Known)
        return turns

    assert asyncio.run(run()) > 3


def test_load_raises_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "who.toml"
    with pytest.raises(DirectoryError, match="cannot be read"):
        FileDirectory(path).load()
    path.write_text(BROKEN)
    with pytest.raises(DirectoryError, match="line 2"):
        FileDirectory(path).load()
    path.write_text(MONO)
    assert len(FileDirectory(path).load()) == 1
