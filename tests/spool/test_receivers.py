"""Several processes accept into one spool: each with a log, numbers and files of its own, and one of them serves."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.spool import (
    Outcome,
    RecipientState,
    SpoolError,
    SpoolLockedError,
    SqliteAcceptor,
    SqliteSpool,
    join_spool,
    open_spool,
)
from conneg.spool.accept_log import AcceptLog, log_numbers, log_path, recover
from conneg.spool.ids import Share, Ticks, read_id
from tests.spool.conftest import ENVELOPE, Clock, opened
from tests.spool.test_accept_log import leave, message, numbers

THRESHOLD = 100
DELIVERED = [Outcome(1, RecipientState.DELIVERED)]


class Receivers:
    """Receivers of a spool that is open in this process, and what they say."""

    def __init__(self, folder: Path, spool: SqliteSpool, clock: Clock, count: int) -> None:
        self._folder, self._spool, self._clock, self._count = folder, spool, clock, count
        self.stored = threading.Event()

    def join(self, place: int) -> SqliteAcceptor:
        return join_spool(
            self._folder,
            place=place,
            receivers=self._count,
            lock=os.dup(self._spool.lock),
            on_stored=self.stored.set,
            blob_threshold=THRESHOLD,
            clock=self._clock,
        )


@asynccontextmanager
async def serving(folder: Path, clock: Clock, count: int = 2) -> AsyncIterator[tuple[SqliteSpool, Receivers]]:
    async with opened(folder, clock, receivers=count, blob_threshold=THRESHOLD) as spool:
        yield spool, Receivers(folder, spool, clock, count)


async def accept(spool: SqliteAcceptor | SqliteSpool, content: bytes = b"content") -> str:
    incoming = spool.incoming()
    incoming.write(content)
    return (await incoming.commit(ENVELOPE)).id


def lose(receiver: SqliteAcceptor) -> None:
    """End as a killed process does: what is only in the log stays there."""
    receiver._writer._transact = lambda operations: []  # type: ignore[method-assign]
    receiver._close()


def test_what_a_receiver_accepts_is_claimed_by_the_serving_process(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            first, second = receivers.join(1), receivers.join(2)
            ids = {await accept(first, b"one"), await accept(second, b"two"), await accept(spool, b"own")}
            assert await asyncio.to_thread(receivers.stored.wait, 30)
            await first.close()
            await second.close()
            claimed = await spool.claim(clock.now, 10)
            assert {one.id for one in claimed} == ids
            assert {await spool.content(one.id) for one in claimed} == {b"one", b"two", b"own"}

    asyncio.run(main())


def test_a_file_that_a_receiver_wrote_goes_when_its_message_is_finished(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            receiver = receivers.join(1)
            large = await accept(receiver, b"x" * (THRESHOLD + 1))
            assert [file.name for file in (folder / "blobs").iterdir()] == [large]
            (claimed,) = await spool.claim(clock.now, 10)
            await spool.settle(claimed.id, DELIVERED)
            assert list((folder / "blobs").iterdir()) == []
            await receiver.close()

    asyncio.run(main())


def test_ids_are_unique_though_the_clock_stands_still(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            first, second = receivers.join(1), receivers.join(2)
            found = [
                await asyncio.gather(*(accept(one) for one in (spool, first, second))) for _ in range(50)
            ]
            await first.close()
            await second.close()
            ids = [one for three in found for one in three]
            assert len(set(ids)) == 150
            assert {one.id for one in await spool.list(limit=1000)} == set(ids)

    asyncio.run(main())


@given(st.integers(1, 65), st.lists(st.floats(0, 1e-3), min_size=1, max_size=20), st.integers(0, 1000))
def test_no_number_is_given_by_two_shares(places: int, times: list[float], last: int) -> None:
    given_by = []
    for place in range(places):
        clock = iter(times)
        ticks = Ticks(lambda clock=clock: next(clock), last, Share(place, places))  # type: ignore[misc]
        found = [ticks.next() for _ in times]
        assert found == sorted(set(found))
        assert min(found) > last
        assert all(Share(place, places).holds(number) for number in found)
        given_by.append(set(found))
    assert len(set().union(*given_by)) == places * len(times)


def test_a_receiver_that_is_started_again_brings_over_what_its_log_holds(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            receiver = receivers.join(2)
            kept = await asyncio.gather(*(accept(receiver, b"%d" % number) for number in range(20)))
            lose(receiver)
            assert await spool.claim(clock.now, 100) == []
            again = receivers.join(2)
            assert {one.id for one in await spool.claim(clock.now, 100)} == set(kept)
            later = await accept(again)
            assert later not in kept
            await again.close()

    asyncio.run(main())


def test_a_new_start_brings_over_every_log_however_many_receivers_it_has(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (_, receivers):
            both = receivers.join(1), receivers.join(2)
            kept = [await accept(one, b"%d" % number) for number in range(5) for one in both]
            for receiver in both:
                lose(receiver)
        assert log_numbers(folder) == [0, 1, 2]
        for _ in range(2):  # none comes twice
            async with opened(folder, clock, receivers=0) as spool:
                assert {one.id for one in await spool.list()} == set(kept)

    asyncio.run(main())


def test_a_receiver_sweeps_away_its_own_files_only(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            first, second = receivers.join(1), receivers.join(2)
            coming = [one.incoming() for one in (spool, first, second)]
            for one in coming:
                one.write(b"x" * (THRESHOLD + 1))
            kept = await accept(first, b"y" * (THRESHOLD + 1))
            lose(first)
            await receivers.join(1).close()
            left = [read_id(file.name) or 0 for file in (folder / "incoming").iterdir()]
            assert sorted(number % 3 for number in left) == [0, 2]
            assert await spool.content(kept) == b"y" * (THRESHOLD + 1)
            for one in coming:
                one.abort()
            await second.close()

    asyncio.run(main())


def test_each_log_has_its_own_generations(tmp_path: Path) -> None:
    logs = [AcceptLog(log_path(tmp_path, number), number * 10, number=number) for number in range(3)]
    for log in logs:
        assert log.append([message(log.number)])
        log.close()
    (tmp_path / "accepted-x.log").touch()
    (tmp_path / "accepted-01.log").touch()
    assert log_numbers(tmp_path) == [0, 1, 2]
    assert [numbers(recover(log_path(tmp_path, number), number * 10)) for number in range(3)] == [
        [0],
        [1],
        [2],
    ]


@pytest.mark.parametrize("form", [1, 2])
def test_a_spool_of_an_earlier_form_is_brought_up(folder: Path, clock: Clock, form: int) -> None:
    """Form 2 knew one log, whose messages come over; form 1 had none."""
    ids = leave(folder, clock, 3)
    with contextlib.closing(sqlite3.connect(folder / "queue.sqlite3")) as database:
        database.executescript(f"DROP TABLE accept_log; PRAGMA user_version = {form};")
        if form == 2:
            database.executescript(
                "CREATE TABLE accept_log (generation INTEGER NOT NULL) STRICT; INSERT INTO accept_log VALUES (0);"
            )
    if form == 1:
        (folder / "accepted.log").unlink()

    async def main() -> None:
        async with serving(folder, clock) as (spool, receivers):
            assert [one.id for one in await spool.list()] == (sorted(ids) if form == 2 else [])
            receiver = receivers.join(1)
            await accept(receiver)
            await receiver.close()
            assert len(await spool.list()) == (4 if form == 2 else 1)

    asyncio.run(main())


_ORPHAN = """
import os, sys, time
from pathlib import Path
from conneg.spool import open_spool
spool = open_spool(Path(sys.argv[1]))
if os.fork():
    print(os.getpid(), flush=True)
    os._exit(0)  # the child holds the lock on
time.sleep(float(sys.argv[2]))
os._exit(0)
"""


def orphan(folder: Path, seconds: float) -> int:
    """Serve the spool, die, and leave a process that holds its lock for so long; the number of the dead one."""
    done = subprocess.Popen(
        [sys.executable, "-c", _ORPHAN, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout is not None
    number = int(done.stdout.readline())
    assert done.wait(30) == 0
    done.stdout.close()
    return number


def test_the_receivers_of_a_dead_process_are_waited_for(folder: Path, clock: Clock) -> None:
    orphan(folder, 0.5)

    async def main() -> None:
        async with opened(folder, clock) as spool:
            await spool.list()

    asyncio.run(main())


def test_but_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conneg.spool.lock.ORPHAN_SECONDS", 0.2)
    number = orphan(folder, 3)
    with pytest.raises(SpoolLockedError, match=f"served by process {number}"):
        open_spool(folder)


def test_a_spool_that_is_not_there_cannot_be_joined(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="cannot be joined"):
        join_spool(
            tmp_path / "none", place=1, receivers=1, lock=os.open(tmp_path, os.O_RDONLY), on_stored=print
        )
