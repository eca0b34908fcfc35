"""Killed at any moment: every message that was accepted is there, and nothing that was settled comes back."""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conneg.spool import RecipientState, SqliteSpool, UnknownMessageError, open_spool
from tests.spool.accepting import BLOB_THRESHOLD, content

ROUNDS = 30


def run_until_killed(folder: Path, lines: int) -> list[list[str]]:
    """Let the process work until it has said `lines` lines, kill it, and return all that it had said."""
    command = [sys.executable, "-m", "tests.spool.accepting", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.read().splitlines(keepends=True)
    return [line.decode().split() for line in said if line.endswith(b"\n")]


async def check(spool: SqliteSpool, said: list[list[str]], due: set[str]) -> None:
    """Check every message against what was said of it; `due` are the ids that a new process finds to do."""
    settling = {words[1] for words in said if words[0] == "settling"}
    settled = {words[1] for words in said if words[0] == "settled"}
    for _, message_id, octets, seed in (words for words in said if words[0] == "accepted"):
        message = await spool.show(message_id)
        states = {recipient.state for recipient in message.recipients}
        assert len(message.recipients) == 2
        assert len(states) == 1, "a settlement is done whole or not at all"
        is_done = states == {RecipientState.DELIVERED}
        assert is_done or message_id not in settled
        assert not is_done or message_id in settling
        assert (message_id in due) is not is_done
        if is_done:
            with pytest.raises(UnknownMessageError):
                await spool.content(message_id)
            assert [record.kind for record in await spool.records(message_id)] == ["result"]
        else:
            assert await spool.content(message_id) == content(int(seed), int(octets))


async def reopen_and_check(folder: Path, said: list[list[str]]) -> int:
    spool = open_spool(folder, blob_threshold=BLOB_THRESHOLD)
    due: set[str] = set()
    while claimed := await spool.claim(time.time() + 60, 500):
        due |= {message.id for message in claimed}
    await check(spool, said, due)
    named = {message.id for message in await spool.list(limit=1_000_000)}
    assert {file.name for file in (folder / "blobs").iterdir()} <= named
    assert list((folder / "incoming").iterdir()) == []
    await spool.close()
    return len(due)


def test_killed_at_any_moment(tmp_path: Path) -> None:
    moments = random.Random(4141)
    folder, everything = tmp_path / "spool", []
    for _ in range(ROUNDS):
        said = run_until_killed(folder, moments.randint(1, 120))
        assert said
        asyncio.run(reopen_and_check(folder, said))
        everything += said
    assert asyncio.run(reopen_and_check(folder, everything)) > 0
    assert {words[0] for words in everything} == {"accepted", "settling", "settled"}
