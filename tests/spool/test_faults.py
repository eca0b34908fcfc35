"""Faults put in: a disk that fails, a disk that is full, a database that others keep."""

import asyncio
import contextlib
import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conneg.errors import ExitCode, TemporaryError
from conneg.mail import Envelope, Recipient
from conneg.spool import SpoolBusyError, SpoolError, SpoolFullError, SqliteSpool
from conneg.spool.accept_log import CAPACITY, MAX_CONTENT
from tests.spool.conftest import ENVELOPE, Clock, accept, opened
from tests.system import require


def run(folder: Path, clock: Clock, test: Callable[[SqliteSpool], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened(folder, clock, blob_threshold=1000) as spool:
            await test(spool)
        async with opened(folder, clock, blob_threshold=1000) as spool:
            assert await spool.list() == []

    asyncio.run(main())


async def nothing_is_left(spool: SqliteSpool, folder: Path) -> None:
    assert await spool.list() == []
    assert list((folder / "blobs").iterdir()) == []
    assert list((folder / "incoming").iterdir()) == []


def fail(number: int) -> Callable[..., None]:
    def raise_it(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return raise_it


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_file_that_cannot_be_made_durable(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def test(spool: SqliteSpool) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail(errno.EIO))
            with pytest.raises(SpoolError, match="Input/output") as caught:
                await accept(spool, b"x" * 2000)
        assert not isinstance(caught.value, TemporaryError)
        await nothing_is_left(spool, folder)
        message = await accept(spool, b"x" * 2000)
        await spool.remove(message.id)

    run(folder, clock, test)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_while_a_message_comes_in(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def test(spool: SqliteSpool) -> None:
        incoming = spool.incoming()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail(number))
            with pytest.raises(SpoolFullError) as caught:
                incoming.write(b"x" * 2000)
        assert isinstance(caught.value, TemporaryError)
        assert caught.value.exit_code is ExitCode.TRY_LATER
        incoming.abort()
        await nothing_is_left(spool, folder)

    run(folder, clock, test)


def test_no_file_can_be_opened(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(spool: SqliteSpool) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", fail(errno.EMFILE))
            with pytest.raises(SpoolError, match="Too many open files"):
                spool.incoming().write(b"x" * 2000)

    run(folder, clock, test)


async def pragma(spool: SqliteSpool, text: str) -> int:
    return int((await spool._write(lambda connection: connection.execute(f"PRAGMA {text}").fetchone()))[0])


async def fill(spool: SqliteSpool) -> None:
    """SQLite's own page limit fails in the same way as a full disk: SQLITE_FULL."""
    await pragma(spool, f"max_page_count = {await pragma(spool, 'page_count')}")


def make_room(spool: SqliteSpool) -> None:
    """Not by an operation: with it what the accept log holds would have to be written, too."""
    spool._writer._connection.execute("PRAGMA max_page_count = 100000")


@pytest.mark.parametrize("octets", [MAX_CONTENT.value + 1, MAX_CONTENT.value + 2000])
def test_a_full_disk_at_the_commit(folder: Path, clock: Clock, octets: int) -> None:
    """Of contents that go to the database at once, and to files."""
    threshold = MAX_CONTENT.value + 1000

    async def main() -> None:
        async with opened(folder, clock, blob_threshold=threshold) as spool:
            await fill(spool)
            large = Envelope("", (Recipient("x" * 900),))
            sending = (accept(spool, b"x" * octets, large) for _ in range(40))
            results = await asyncio.gather(*sending, return_exceptions=True)
            refused = [result for result in results if isinstance(result, BaseException)]
            accepted = [result for result in results if not isinstance(result, BaseException)]
            assert refused
            assert {type(result) for result in refused} == {SpoolFullError}
            assert {message.id for message in await spool.list()} == {message.id for message in accepted}
            assert len(list((folder / "blobs").iterdir())) == (len(accepted) if octets > threshold else 0)
            make_room(spool)
            accepted.append(await accept(spool, b"x" * octets))
            assert {message.id for message in await spool.list()} == {message.id for message in accepted}

    asyncio.run(main())


def test_what_is_accepted_while_the_database_is_full_is_not_lost(folder: Path, clock: Clock) -> None:
    """The accept log takes what it has room for; then messages are refused; all of it is there when there is room."""

    async def main() -> None:
        async with opened(folder, clock) as spool:
            await fill(spool)
            results = []
            for _ in range(CAPACITY.value // 30_000 + 1):
                results += await asyncio.gather(accept(spool, b"x" * 30_000), return_exceptions=True)
            accepted = [result.id for result in results if not isinstance(result, BaseException)]
            refused = [result for result in results if isinstance(result, BaseException)]
            assert accepted
            assert {type(result) for result in refused} == {SpoolFullError}
            with pytest.raises(SpoolFullError):
                await spool.list()
            make_room(spool)
            assert [message.id for message in await spool.list()] == accepted
            assert await spool.content(accepted[-1]) == b"x" * 30_000

    asyncio.run(main())


def test_a_claim_of_a_failed_commit_is_no_claim(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            await fill(spool)
            sending = (accept(spool, b"x" * (MAX_CONTENT.value + 1), claim=True) for _ in range(100))
            results = await asyncio.gather(*sending, return_exceptions=True)
            assert SpoolFullError in {type(result) for result in results}
            assert len(spool._claims) == len(await spool.list())

    asyncio.run(main())


def test_another_process_that_keeps_the_database(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is accepted all the same, and in the database when that is free; what must be read now fails."""
    monkeypatch.setattr("conneg.spool.database._BUSY_SECONDS", 0.01)

    async def test(spool: SqliteSpool) -> None:
        with contextlib.closing(sqlite3.connect(folder / "queue.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            message = await accept(spool)
            with pytest.raises(SpoolBusyError) as caught:
                await spool.list()
            assert isinstance(caught.value, TemporaryError)
            with pytest.raises(SpoolBusyError):
                await accept(spool, b"x" * 2000)
            other.execute("ROLLBACK")
        await spool.remove(message.id)

    run(folder, clock, test)


def test_a_content_whose_file_is_gone(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, b"x" * 2000)
        (folder / "blobs" / message.id).unlink()
        with pytest.raises(SpoolError, match="no content"):
            await spool.content(message.id)
        await spool.remove(message.id)

    run(folder, clock, test)


def test_an_orphan_that_could_not_be_removed_goes_at_the_next_start(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, b"x" * 2000)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", fail(errno.EACCES))
            await spool.remove(message.id)
        assert len(list((folder / "blobs").iterdir())) == 1

    run(folder, clock, test)
    assert list((folder / "blobs").iterdir()) == []


_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static int fails(void) { const char *flag = getenv("FSYNC_FAILS_IF"); return flag && access(flag, F_OK) == 0; }
int fsync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
ssize_t pwrite64(int fd, const void *octets, size_t count, off64_t at) {
    int syncs = fcntl(fd, F_GETFL) & O_DSYNC;
    ssize_t written = ((ssize_t (*)(int, const void *, size_t, off64_t)) dlsym(RTLD_NEXT, "pwrite64"))(
        fd, octets, count, at);
    if (syncs && fails()) { errno = EIO; return -1; }
    return written;
}
"""


@pytest.mark.system
def test_a_disk_whose_sync_fails_under_sqlite(tmp_path: Path) -> None:
    """The sync of the database itself fails, below SQLite: commit says so, and the message is not there."""
    compiler = require("gcc", "gcc")
    (tmp_path / "shim.c").write_text(_SHIM)
    shim, flag = tmp_path / "shim.so", tmp_path / "fail"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, tmp_path / "shim.c", "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "FSYNC_FAILS_IF": str(flag)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.spool.test_faults", str(tmp_path / "spool"), str(flag)],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["refused", "nothing", "accepted"], done.stderr


async def _with_failing_syncs(folder: Path, flag: Path) -> None:
    """What the process under the shim does."""
    async with opened(folder, Clock()) as spool:
        flag.touch()
        try:
            await accept(spool, b"content", ENVELOPE)
        except SpoolError:
            print("refused")
        print("nothing" if not await spool.list() else "something")
        flag.unlink()
        await accept(spool, b"content", ENVELOPE)
        print("accepted" if len(await spool.list()) == 1 else "wrong")


if __name__ == "__main__":
    asyncio.run(_with_failing_syncs(Path(sys.argv[1]), Path(sys.argv[2])))
