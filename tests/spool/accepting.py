"""A process that accepts and settles messages until it is killed, and says on standard output what is durable.

Lines: `accepted ID OCTETS SEED` after a commit; `settling ID` before a settlement, `settled ID` after it. The content
is made from its seed, so that the one who reads along can check it.
"""

import asyncio
import os
import sys
from pathlib import Path

from conneg.mail import Envelope, Recipient
from conneg.spool import Outcome, RecipientState, Record, SqliteSpool, open_spool

ENVELOPE = Envelope("scan@office.example", (Recipient("june@ifax1.example"), Recipient("may@ifax2.example")))
BLOB_THRESHOLD = 4096


def content(seed: int, octets: int) -> bytes:
    """Return the content of a message."""
    return (b"%d\r\n" % seed * (octets // 2))[:octets]


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def send(spool: SqliteSpool, sender: int) -> None:
    seed = sender
    while True:
        seed += 1000
        octets = 10_000 if seed % 7 == 0 else 500
        incoming = spool.incoming()
        incoming.write(content(seed, octets))
        message = await incoming.commit(ENVELOPE, claim=seed % 2 == 0)
        say(f"accepted {message.id} {octets} {seed}")
        if seed % 4 == 0:
            say(f"settling {message.id}")
            outcomes = [Outcome(recipient, RecipientState.DELIVERED) for recipient in (1, 2)]
            await spool.settle(message.id, outcomes, records=[Record("result", "{}", 1)])
            say(f"settled {message.id}")


async def main(folder: Path) -> None:
    spool = open_spool(folder, blob_threshold=BLOB_THRESHOLD)
    await asyncio.gather(*(send(spool, sender) for sender in range(20)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
