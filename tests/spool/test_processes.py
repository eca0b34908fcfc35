"""Two processes and one spool: one serves it, the other looks and acts, as `conneg queue` does."""

import asyncio
import subprocess
import sys
from pathlib import Path

from conneg.spool import RecipientState, SqliteSpool
from tests.spool.conftest import Clock, accept, opened

_ACT = """
import asyncio, sys
from pathlib import Path
from conneg.spool import read_spool
async def main(folder, action, *ids):
    spool = read_spool(Path(folder))
    for message_id in ids:
        print(await getattr(spool, action)(message_id))
    await spool.close()
asyncio.run(main(*sys.argv[1:]))
"""
_SERVE = """
import sys
from pathlib import Path
from conneg.errors import ConnegError
from conneg.spool import open_spool
try:
    open_spool(Path(sys.argv[1]))
except ConnegError as error:
    print(type(error).__name__, int(error.exit_code), error, error.hint, sep="|")
"""


async def other(program: str, *arguments: object) -> str:
    """Run a program in another process while this one's spool stays in use."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    return done.stdout


async def states(spool: SqliteSpool, *ids: str) -> list[RecipientState]:
    return [(await spool.show(message_id)).recipients[0].state for message_id in ids]


def test_what_the_other_does_is_noticed(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock, blob_threshold=100) as spool:
            held, removed = await accept(spool), await accept(spool, b"x" * 200)
            assert await spool.changed() is False
            assert await other(_ACT, folder, "hold", held.id, removed.id) == "1\n1\n"
            assert await spool.changed() is True
            assert await spool.claim(clock.now, 10) == []
            await other(_ACT, folder, "remove", removed.id)
            await other(_ACT, folder, "release_held", held.id)
            assert await states(spool, held.id, removed.id) == [RecipientState.QUEUED, RecipientState.REMOVED]
            assert list((folder / "blobs").iterdir()) == []
            clock.now += 1e9
            assert [message.id for message in await spool.claim(clock.now, 10)] == [held.id]

    asyncio.run(main())


def test_both_write_at_once(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock) as spool:
            first = [await accept(spool) for _ in range(20)]
            done = asyncio.create_task(other(_ACT, folder, "hold", *(message.id for message in first)))
            accepted = []
            while not done.done():
                accepted += await asyncio.gather(*(accept(spool) for _ in range(10)))
            assert done.result() == "1\n" * 20
            assert len(await spool.list(limit=1_000_000)) == 20 + len(accepted)
            assert set(await states(spool, *(message.id for message in first))) == {RecipientState.HELD}

    asyncio.run(main())


def test_a_second_server_is_told_who_serves(folder: Path, clock: Clock) -> None:
    async def main() -> None:
        async with opened(folder, clock):
            import os

            name, code, text, hint = (await other(_SERVE, folder)).strip().split("|")
            assert (name, code) == ("SpoolLockedError", "69")
            assert text == f"the spool {folder} is served by process {os.getpid()}"
            assert "another spool" in hint
        assert await other(_SERVE, folder) == ""

    asyncio.run(main())
