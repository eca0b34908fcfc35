"""The accept log: what is appended is recovered, once; what is torn, old or damaged is not."""

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.spool import SpoolError, SpoolFullError, SqliteSpool, open_spool
from conneg.spool.accept_log import CAPACITY, MAX_CONTENT, AcceptLog, recover
from conneg.spool.operations import Accept
from tests.spool.conftest import Clock, accept, opened


def message(number: int, content: bytes | None = b"content") -> Accept:
    return Accept(
        number,
        f'[{number},"{{}}",7,1.5]',
        f"[{number},1,0,1.5]",
        f'[{number},{number},"note",null,"é"]',
        content,
    )


def numbers(found: list[Accept]) -> list[int]:
    return [one.number for one in found]


def test_what_was_appended_is_recovered(tmp_path: Path) -> None:
    log = AcceptLog(tmp_path / "log", 4)
    accepts = [message(1), message(2, b""), message(3, bytes(range(256)))]
    assert log.append(accepts[:2])
    assert log.append(accepts[2:])
    assert recover(tmp_path / "log", 4) == accepts
    log.close()


@pytest.mark.parametrize("generation", [0, 3, 5, 6])
def test_another_generation_is_not(tmp_path: Path, generation: int) -> None:
    log = AcceptLog(tmp_path / "log", 4)
    assert log.append([message(1)])
    assert recover(tmp_path / "log", generation) == []
    log.close()


def test_the_next_generation_hides_the_one_before(tmp_path: Path) -> None:
    """One record of the next generation lies over the first of three that the database already holds."""
    log = AcceptLog(tmp_path / "log", 0)
    assert log.append([message(1), message(2), message(3)])
    log.begin_again()
    assert recover(tmp_path / "log", 1) == []
    assert log.append([message(4)])
    assert numbers(recover(tmp_path / "log", 1)) == [4]
    log.close()


def test_there_is_no_log_yet(tmp_path: Path) -> None:
    assert recover(tmp_path / "log", 0) == []


def test_what_has_no_place_here_is_left_to_the_database(tmp_path: Path) -> None:
    log = AcceptLog(tmp_path / "log", 0)
    assert not log.append([message(1), message(2, None)])
    assert not log.append([message(1), message(2, b"x" * (MAX_CONTENT.value + 1))])
    assert log.is_empty
    count = CAPACITY.value // MAX_CONTENT.value + 1
    assert not log.append([message(number, b"x" * MAX_CONTENT.value) for number in range(count)])
    assert log.is_empty
    assert recover(tmp_path / "log", 0) == []
    log.close()


def test_a_full_log_takes_no_more(tmp_path: Path) -> None:
    log = AcceptLog(tmp_path / "log", 0)
    taken = 0
    while log.append([message(taken, b"x" * MAX_CONTENT.value)]):
        taken += 1
    assert (tmp_path / "log").stat().st_size <= CAPACITY.value
    assert numbers(recover(tmp_path / "log", 0)) == list(range(taken))
    log.begin_again()
    assert log.append([message(9)])
    assert numbers(recover(tmp_path / "log", 1)) == [9]
    log.close()


def test_a_log_whose_sync_failed_is_not_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AcceptLog(tmp_path / "log", 0)

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(OSError, match="Input/output"):
            log.append([message(1)])
    assert not log.is_empty, "the record may be on disk: its generation must be closed"
    assert not log.append([message(2)])
    log.begin_again()
    assert not log.append([message(3)])
    log.close()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_torn_or_damaged_end_costs_what_lies_behind_it_only(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "log"
    log = AcceptLog(path, 0)
    ends = []
    for number in range(5):
        assert log.append([message(number, data.draw(st.binary(max_size=50)))])
        ends.append(path.stat().st_size)
    log.close()
    octets = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(octets) - 1))
    if data.draw(st.booleans()):
        del octets[at:]
    else:
        octets[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(octets)
    assert numbers(recover(path, 0)) == list(range(sum(end <= at for end in ends)))


def leave(folder: Path, clock: Clock, count: int) -> list[str]:
    """Accept messages and lose the process before they reach the database."""

    async def main() -> list[str]:
        spool = open_spool(folder, clock=clock)
        found = await asyncio.gather(*(accept(spool, b"%d" % number) for number in range(count)))
        assert spool._writer.is_behind
        forget(spool)
        return [message.id for message in found]

    return asyncio.run(main())


def forget(spool: SqliteSpool) -> None:
    """Stop as a killed process does: nothing more is written."""
    spool._writer._transact = lambda operations: []  # type: ignore[method-assign]
    spool._close()


def test_a_new_start_brings_over_what_only_the_log_holds(folder: Path, clock: Clock) -> None:
    ids = leave(folder, clock, 20)

    async def main() -> None:
        async with opened(folder, clock) as spool:
            assert [message.id for message in await spool.list()] == sorted(ids)
            assert {await spool.content(one) for one in ids} == {b"%d" % number for number in range(20)}
            later = await accept(spool)
            assert later.id > max(ids)
            assert len(await spool.claim(clock.now + 1, 100)) == 21

    asyncio.run(main())


def test_what_was_done_since_does_not_come_back(folder: Path, clock: Clock) -> None:
    """The records are still in the file when the messages have been delivered and forgotten."""
    ids = leave(folder, clock, 3)

    async def main() -> None:
        async with opened(folder, clock) as spool:
            for one in ids:
                await spool.remove(one)
            assert await spool.purge(clock.now + 1) == 3
        async with opened(folder, clock) as spool:
            assert await spool.list() == []
            assert (folder / "accepted.log").stat().st_size > 0

    asyncio.run(main())


def test_a_message_refused_by_a_failed_sync_does_not_come_back(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its octets may have reached the disk: the next commit closes their generation."""

    async def main() -> None:
        spool = open_spool(folder, clock=clock)
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            patch.setattr(os, "pwrite", fail)
            with pytest.raises(SpoolFullError):
                await accept(spool)
        kept = await accept(spool, b"kept")
        forget(spool)
        async with opened(folder, clock) as again:
            assert [message.id for message in await again.list()] == [kept.id]

    asyncio.run(main())


def test_it_is_brought_over_when_nothing_else_comes(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            await accept(spool)
            until = time.monotonic() + 10
            while spool._writer.is_behind and time.monotonic() < until:
                await asyncio.sleep(0.01)
            assert not spool._writer.is_behind

    asyncio.run(main())


def test_what_cannot_be_brought_over_at_the_end_is_there_at_the_next_start(
    folder: Path, clock: Clock
) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            await spool._write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
            accepted = [(await accept(spool, b"x" * 20_000)).id for _ in range(3)]
            with pytest.raises(SpoolError):
                await spool.list()
        async with opened(folder, clock) as spool:
            assert [message.id for message in await spool.list()] == accepted

    asyncio.run(main())
