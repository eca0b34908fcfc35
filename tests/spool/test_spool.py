"""The life of a message in the spool, one process."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conneg.errors import UnavailableError, UsageError
from conneg.mail import Envelope, Recipient
from conneg.spool import (
    Outcome,
    RecipientState,
    Record,
    Spool,
    SpoolError,
    SpoolLockedError,
    SqliteSpool,
    UnknownMessageError,
    open_spool,
    read_spool,
)
from tests.spool.conftest import ENVELOPE, TWO, Clock, accept, opened

DELIVERED = [Outcome(1, RecipientState.DELIVERED, reply="250 ok", next_hop="mx.example")]


def run(folder: Path, clock: Clock, test: Callable[[SqliteSpool], Awaitable[None]], **options: int) -> None:
    """Run `test` with an open spool."""

    async def main() -> None:
        async with opened(folder, clock, **options) as spool:
            await test(spool)

    asyncio.run(main())


def test_it_is_a_spool(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        interface: Spool = spool
        assert interface is spool

    run(folder, clock, test)


def test_accepted_claimed_settled(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, b"octets \xff\0", TWO)
        assert (message.octets, message.received_at, message.envelope) == (9, clock.now, TWO)
        (claimed,) = await spool.claim(clock.now, 10)
        assert claimed == message
        assert [(r.id, r.forward_path, r.notify, r.orcpt) for r in claimed.recipients] == [
            (1, "june@ifax1.example", None, None),
            (2, "may@ifax2.example", frozenset({"NEVER"}), "rfc822;may"),
        ]
        assert await spool.content(message.id) == b"octets \xff\0"
        assert await spool.claim(clock.now, 10) == []
        await spool.settle(message.id, DELIVERED)
        shown = await spool.show(message.id)
        assert [r.state for r in shown.recipients] == [RecipientState.DELIVERED, RecipientState.QUEUED]
        assert (shown.recipients[0].last_reply, shown.recipients[0].next_hop) == ("250 ok", "mx.example")
        assert [r.attempts for r in shown.recipients] == [1, 0]
        assert await spool.content(message.id)
        await spool.settle(message.id, [Outcome(2, RecipientState.FAILED)])
        with pytest.raises(UnknownMessageError):
            await spool.content(message.id)
        assert await spool.list() == []

    run(folder, clock, test)


def test_committed_with_a_claim(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        incoming = spool.incoming()
        incoming.write(b"one")
        incoming.write(b"two")
        message = await incoming.commit(ENVELOPE, claim=True)
        assert incoming.content_in_memory == b"onetwo"
        assert await spool.claim(clock.now, 10) == []
        await spool.release(message.id)
        assert len(await spool.claim(clock.now, 10)) == 1

    run(folder, clock, test)


def test_deferred_until(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, claim=True)
        await spool.settle(message.id, [Outcome(1, RecipientState.DEFERRED, clock.now + 60, "451 later")])
        assert await spool.next_due() == clock.now + 60
        assert await spool.claim(clock.now + 59, 10) == []
        (claimed,) = await spool.claim(clock.now + 60, 10)
        assert (claimed.recipients[0].attempts, claimed.recipients[0].last_reply) == (1, "451 later")
        assert await spool.next_due() is None

    run(folder, clock, test)


def test_put_back_without_an_attempt(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, claim=True)
        await spool.settle(message.id, [Outcome(1, RecipientState.QUEUED, clock.now + 5)])
        (claimed,) = await spool.claim(clock.now + 5, 10)
        assert (claimed.recipients[0].attempts, claimed.recipients[0].state) == (0, RecipientState.QUEUED)

    run(folder, clock, test)


def test_only_due_recipients_are_claimed(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, envelope=TWO, claim=True)
        await spool.settle(message.id, [Outcome(2, RecipientState.DEFERRED, clock.now + 60)])
        await spool.release(message.id)
        (claimed,) = await spool.claim(clock.now, 10)
        assert [r.id for r in claimed.recipients] == [1]
        (later,) = await spool.claim(clock.now + 60, 10)
        assert [r.id for r in later.recipients] == [2]
        assert later.envelope == TWO

    run(folder, clock, test)


def test_the_longest_due_first(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        messages = [await accept(spool) for _ in range(5)]
        clock.now += 1
        messages.append(await accept(spool))
        first = await spool.claim(clock.now, 2)
        assert [m.id for m in first] == [m.id for m in messages[:2]]
        for message in first:
            await spool.release(message.id)
        assert [m.id for m in await spool.claim(clock.now, 10)] == [m.id for m in messages]
        assert await spool.claim(clock.now, 0) == []

    run(folder, clock, test)


def test_many_recipients_do_not_hide_other_messages(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        many = Envelope("", tuple(Recipient(f"{n}@x.example") for n in range(200)))
        big = await accept(spool, envelope=many)
        small = await accept(spool)
        found = []
        while claimed := await spool.claim(clock.now, 2):
            found += claimed
        assert [m.id for m in found] == [big.id, small.id]
        assert len(found[0].recipients) == 200

    run(folder, clock, test)


def test_settling_twice_changes_nothing(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, envelope=TWO, claim=True)
        outcomes = [*DELIVERED, Outcome(2, RecipientState.DEFERRED, clock.now + 9)]
        await spool.settle(message.id, outcomes)
        once = await spool.show(message.id)
        await spool.settle(message.id, outcomes)
        await spool.settle(message.id, [Outcome(1, RecipientState.FAILED, reply="late")])
        assert await spool.show(message.id) == once

    run(folder, clock, test)


def test_two_settlements_of_one_message_at_once(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, envelope=TWO, claim=True)
        await asyncio.gather(
            spool.settle(message.id, DELIVERED),
            spool.settle(message.id, [Outcome(2, RecipientState.DELIVERED)]),
            spool.settle(message.id, [Outcome(1, RecipientState.FAILED)]),
        )
        shown = await spool.show(message.id)
        assert [r.state for r in shown.recipients] == [RecipientState.DELIVERED] * 2
        with pytest.raises(UnknownMessageError):
            await spool.content(message.id)

    run(folder, clock, test)


def test_a_delivery_counts_though_an_operator_held_or_removed_it(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        held, deferred, removed = [await accept(spool, claim=True) for _ in range(3)]
        assert await spool.hold(held.id) == 1
        assert await spool.hold(deferred.id) == 1
        assert await spool.remove(removed.id) == 1
        await spool.settle(held.id, DELIVERED)
        await spool.settle(deferred.id, [Outcome(1, RecipientState.DEFERRED, clock.now)])
        await spool.settle(removed.id, DELIVERED)
        states = [(await spool.show(message.id)).recipients[0].state for message in (held, deferred, removed)]
        assert states == [RecipientState.DELIVERED, RecipientState.HELD, RecipientState.REMOVED]
        assert await spool.claim(clock.now, 10) == []

    run(folder, clock, test)


def test_hold_release_retry_remove(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, envelope=TWO)
        assert await spool.hold(message.id) == 2
        assert await spool.hold(message.id) == 0
        assert await spool.claim(clock.now, 10) == []
        assert await spool.retry(message.id) == 0
        assert await spool.release_held(message.id) == 2
        (claimed,) = await spool.claim(clock.now, 10)
        await spool.settle(claimed.id, [Outcome(n, RecipientState.DEFERRED, clock.now + 900) for n in (1, 2)])
        assert await spool.claim(clock.now, 10) == []
        assert await spool.retry(message.id) == 2
        (claimed,) = await spool.claim(clock.now, 10)
        await spool.settle(claimed.id, DELIVERED)
        assert await spool.remove(message.id) == 1
        assert await spool.remove(message.id) == 0
        with pytest.raises(UnknownMessageError):
            await spool.content(message.id)

    run(folder, clock, test)


def test_records_stay_until_purged(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        incoming = spool.incoming()
        incoming.write(b"x")
        message = await incoming.commit(ENVELOPE, claim=True, note='{"helo":"scan"}')
        other = await accept(spool)
        clock.now += 10
        records = [Record("answer", '{"reply":"250 Grüße"}', 1), Record("plan", "{}")]
        await spool.settle(message.id, DELIVERED, records=records)
        rows = await spool.records(message.id)
        assert [(row.kind, row.text, row.recipient_id) for row in rows] == [
            ("note", '{"helo":"scan"}', None),
            ("answer", '{"reply":"250 Grüße"}', 1),
            ("plan", "{}", None),
        ]
        assert [row.at for row in rows] == pytest.approx([clock.now - 10, clock.now, clock.now], abs=0.01)
        assert await spool.purge(clock.now) == 0
        clock.now += 10
        assert await spool.purge(clock.now) == 1
        assert await spool.records(message.id) == []
        with pytest.raises(UnknownMessageError):
            await spool.show(message.id)
        assert (await spool.show(other.id)).id == other.id

    run(folder, clock, test)


def test_many_are_purged_in_steps(folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conneg.spool.database.PURGE_AT_ONCE", 3)

    async def test(spool: SqliteSpool) -> None:
        for _ in range(7):
            message = await accept(spool, claim=True)
            await spool.settle(message.id, DELIVERED)
        clock.now += 1
        assert await spool.purge(clock.now) == 7

    run(folder, clock, test)


def test_listing(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        done, failed, waiting, held = [await accept(spool, claim=True) for _ in range(4)]
        await spool.settle(done.id, DELIVERED)
        await spool.settle(failed.id, [Outcome(1, RecipientState.FAILED)])
        await spool.settle(held.id, [Outcome(1, RecipientState.HELD)])
        assert [m.id for m in await spool.list()] == [waiting.id, held.id]
        assert [m.id for m in await spool.list(limit=1)] == [waiting.id]
        assert [m.id for m in await spool.list(state=RecipientState.FAILED)] == [failed.id]
        assert [m.id for m in await spool.list(state=RecipientState.HELD)] == [held.id]
        assert await spool.list(state=RecipientState.REMOVED) == []

    run(folder, clock, test)


def test_ids_cut_short(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        first, second = await accept(spool), await accept(spool)
        assert await spool.find(first.id) == [first.id]
        assert await spool.find(first.id[:4]) == [first.id]
        assert first.id[0] != second.id[0]
        assert await spool.find("%") == []

    run(folder, clock, test)


@pytest.mark.parametrize("message_id", ["00000000000", "", "../lock", "no"])
def test_unknown_ids(folder: Path, clock: Clock, message_id: str) -> None:
    async def test(spool: SqliteSpool) -> None:
        for call in (spool.content, spool.show, spool.hold, spool.release_held, spool.retry, spool.remove):
            with pytest.raises(UnknownMessageError):
                await call(message_id)

    run(folder, clock, test)


def test_an_error_of_one_call_is_not_the_others(folder: Path, clock: Clock) -> None:
    """They may share a transaction."""

    async def test(spool: SqliteSpool) -> None:
        results = await asyncio.gather(
            *(spool.hold("00000000000") for _ in range(10)),
            *(accept(spool) for _ in range(10)),
            return_exceptions=True,
        )
        assert [type(result) for result in results[:10]] == [UnknownMessageError] * 10
        assert len(await spool.list()) == 10

    run(folder, clock, test)


def test_what_cannot_be_stored_is_refused_alone(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, claim=True)
        with pytest.raises(SpoolError, match="not Unicode"):
            await accept(spool, envelope=Envelope("a\udc80@x", (Recipient("b@x"),)))
        with pytest.raises(SpoolError, match="no recipient"):
            await accept(spool, envelope=Envelope("a@x", ()))
        with pytest.raises(SpoolError, match="NUL"):
            await spool.settle(message.id, [], records=[Record("k", "\0")])
        with pytest.raises(UsageError):
            await spool.settle(message.id, [Outcome(1, RecipientState.REMOVED)])
        await spool.settle(
            message.id, [Outcome(1, RecipientState.FAILED, reply="5\udcff4\r\n\0x", next_hop="\udcff")]
        )
        assert (await spool.show(message.id)).recipients[0].last_reply == "5?4   x"

    run(folder, clock, test)


def test_large_contents_are_files(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        incoming = spool.incoming()
        for _ in range(30):
            incoming.write(b"0123456789")
        assert [file.stat().st_size for file in (folder / "incoming").iterdir()] == [300]
        message = await incoming.commit(ENVELOPE, claim=True)
        assert incoming.content_in_memory is None
        assert incoming.octets == message.octets == 300
        assert [file.name for file in (folder / "blobs").iterdir()] == [message.id]
        assert list((folder / "incoming").iterdir()) == []
        assert await spool.content(message.id) == b"0123456789" * 30
        await spool.settle(message.id, DELIVERED)
        assert list((folder / "blobs").iterdir()) == []

    run(folder, clock, test, blob_threshold=100)


def test_the_threshold_itself_is_small(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, b"x" * 100)
        assert list((folder / "blobs").iterdir()) == []
        assert await spool.content(message.id) == b"x" * 100
        assert await spool.content((await accept(spool, b"")).id) == b""

    run(folder, clock, test, blob_threshold=100)


def test_given_up_messages_leave_nothing(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        for size in (10, 1000):
            incoming = spool.incoming()
            incoming.write(b"x" * size)
            incoming.abort()
            incoming.abort()
            with pytest.raises(SpoolError):
                await incoming.commit(ENVELOPE)
        assert list((folder / "incoming").iterdir()) == []
        assert await spool.list() == []

    run(folder, clock, test, blob_threshold=100)


def test_a_removed_message_takes_its_file_along(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool, b"x" * 1000)
        await spool.remove(message.id)
        assert list((folder / "blobs").iterdir()) == []

    run(folder, clock, test, blob_threshold=100)


def test_a_new_start_voids_claims_and_sweeps_orphans(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock, blob_threshold=100) as spool:
            small, large = await accept(spool, claim=True), await accept(spool, b"y" * 200, claim=True)
        (folder / "blobs" / "00000000000").touch()
        (folder / "incoming" / "11111111111").touch()
        async with opened(folder, clock, blob_threshold=100) as spool:
            assert [m.id for m in await spool.claim(clock.now, 10)] == [small.id, large.id]
            assert await spool.content(large.id) == b"y" * 200
            assert list((folder / "incoming").iterdir()) == []
            assert [file.name for file in (folder / "blobs").iterdir()] == [large.id]

    asyncio.run(main())


def test_ids_stay_unique_when_the_clock_goes_back(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            first = await accept(spool)
        clock.now -= 3600
        async with opened(folder, clock) as spool:
            second = await accept(spool)
            assert first.id != second.id
            assert [m.id for m in await spool.list()] == [first.id, second.id]

    asyncio.run(main())


def test_who_waits_for_a_time_from_a_clock_that_was_ahead_is_pulled_in(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        far, near, held = [await accept(spool) for _ in range(3)]
        await spool.claim(clock.now, 10)
        for message, wait in ((far, 90_000), (near, 3_000), (held, 90_000)):
            later = Outcome(1, RecipientState.DEFERRED, next_attempt_at=clock.now + wait)
            await spool.settle(message.id, [later])
        await spool.hold(held.id)
        assert await spool.pull_in(clock.now + 10_000, clock.now) == 1
        assert await spool.pull_in(clock.now + 10_000, clock.now) == 0
        assert [message.id for message in await spool.claim(clock.now, 10)] == [far.id]

    run(folder, clock, test)


def test_a_caller_that_is_cancelled_holds_no_claim(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        tasks = [asyncio.create_task(accept(spool, claim=True)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        claiming = asyncio.create_task(spool.claim(clock.now, 5))
        await asyncio.sleep(0)
        claiming.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await claiming
        while len(await spool.list()) < 20 or await spool.next_due() is None:
            await asyncio.sleep(0.001)
        found: list[str] = []
        while len(found) < 20:
            found += [message.id for message in await spool.claim(clock.now, 100)]
            await asyncio.sleep(0.001)
        assert len(set(found)) == 20

    run(folder, clock, test)


def test_many_at_once_share_transactions(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        commits: list[str] = []
        await spool._write(
            lambda connection: connection.set_trace_callback(
                lambda statement: commits.append(statement) if statement == "COMMIT" else None
            )
        )

        async def send(number: int) -> None:
            message = await accept(spool, b"%d" % number, claim=number % 2 == 0)
            assert await spool.content(message.id) == b"%d" % number
            if number % 2 == 0:
                await spool.settle(message.id, DELIVERED, records=[Record("result", "{}", 1)])

        await asyncio.gather(*(send(number) for number in range(300)))
        assert len(commits) < 300
        left = await spool.list(limit=1000)
        assert len(left) == 150
        contents = [int(await spool.content(message.id)) for message in left]
        assert sorted(contents) == list(range(1, 300, 2))

    run(folder, clock, test)


def test_durable_at_every_commit(folder: Path, clock: Clock) -> None:
    """SQLite syncs at every commit only with synchronous=FULL (2) in WAL mode."""

    async def test(spool: SqliteSpool) -> None:
        def settings(connection: sqlite3.Connection) -> tuple[object, ...]:
            return tuple(
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
            )

        assert await spool._write(settings) == ("wal", 2)

    run(folder, clock, test)


def test_a_second_serving_process_is_refused(folder: Path, clock: Clock) -> None:
    async def test(_: SqliteSpool) -> None:
        with pytest.raises(SpoolLockedError, match=r"served by process \d+"):
            open_spool(folder)

    run(folder, clock, test)
    open_spool_and_close(folder)


def open_spool_and_close(folder: Path) -> None:
    asyncio.run(open_spool(folder).close())


def test_looking_on(folder: Path, clock: Clock) -> None:
    async def test(spool: SqliteSpool) -> None:
        message = await accept(spool)
        beside = read_spool(folder, clock=clock)
        assert await spool.changed() is False
        assert [m.id for m in await beside.list()] == [message.id]
        assert await beside.content(message.id) == b"content"
        with pytest.raises(UsageError):
            beside.incoming()
        with pytest.raises(UsageError):
            await beside.claim(clock.now, 1)
        await beside.hold(message.id)
        assert await spool.claim(clock.now, 1) == []
        assert await spool.changed() is True
        assert await spool.changed() is False
        await beside.release_held(message.id)
        assert len(await spool.claim(clock.now, 1)) == 1
        await beside.close()

    run(folder, clock, test)


def test_looking_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no spool"):
        read_spool(tmp_path)


def test_a_spool_of_another_version(folder: Path) -> None:
    open_spool_and_close(folder)
    with contextlib.closing(sqlite3.connect(folder / "queue.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SpoolError, match="form 99"):
        open_spool(folder)


def test_a_file_that_is_no_database(folder: Path) -> None:
    folder.mkdir()
    (folder / "queue.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(SpoolError, match="cannot be opened"):
        open_spool(folder)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="cannot be opened"):
        open_spool(tmp_path / "file" / "spool")


def test_closed_is_closed(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            message = await accept(spool)
        with pytest.raises(SpoolError, match="closed"):
            await accept(spool)
        with pytest.raises(SpoolError):
            await spool.content(message.id)
        await spool.close()

    asyncio.run(main())


def test_what_was_handed_in_is_finished_before_it_closes(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            sending = asyncio.gather(*(accept(spool) for _ in range(50)))
            await asyncio.sleep(0)
        messages = await sending
        async with opened(folder, clock) as spool:
            assert [m.id for m in await spool.list()] == [m.id for m in messages]

    asyncio.run(main())
