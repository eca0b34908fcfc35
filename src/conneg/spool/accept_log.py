"""The accept log: messages that are durable and not yet in the database, one after the other in one file.

A commit of the database costs several times what a synced append costs. So small messages that come in while there is
nothing else to write are appended here, which is what their 250 stands on, and reach the database many at a time. The
log is only ever read again by `recover`, after a crash. Each process that accepts has a log of its own, with a number,
which for the serving process is 0.

Every record carries the number of its generation. The database names the last generation that it holds, in the very
transaction that takes it in; the log then begins again at its first octet with the next one. So what lies behind the
records of the generation that is due is old, and an old record is never taken for a message again.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from conneg.bounds import Bound
from conneg.durable import sync_directory
from conneg.spool.operations import Accept

CAPACITY = Bound(
    name="spool.accept-log",
    value=1 << 20,
    unit="octets in the accept log",
    reason="so much is written to the database at once, and meanwhile nobody gets a 250",
    answer="what is in the log goes to the database first",
)
MAX_CONTENT = Bound(
    name="spool.accept-log-content",
    value=32 * 1024,
    unit="octets of content in a record of the accept log",
    reason="a large content would be written twice for the sake of a commit that it outweighs",
    answer="the message is written to the database at once",
)

_HEAD = struct.Struct("<4sQIII")  # mark, generation, octets of the rows, octets of the content, checksum
_MARK = b"cnA1"


def log_path(folder: Path, number: int) -> Path:
    """Return where the log of that number is in the folder of a spool."""
    return folder / (f"accepted-{number}.log" if number else "accepted.log")


def log_numbers(folder: Path) -> list[int]:
    """Return the numbers of the logs that there are. Raises `OSError`."""
    found = (re.fullmatch(r"accepted(?:-([1-9][0-9]*))?\.log", name) for name in os.listdir(folder))
    return sorted(int(one[1] or 0) for one in found if one is not None)


class AcceptLog:
    """Writes the log of one process; every method belongs to the writing thread.

    The file is open with O_DSYNC: a write returns when it is durable, without a second call into the kernel.
    """

    def __init__(self, path: Path, generation: int, *, number: int = 0) -> None:
        """`generation` is the last one that the database holds of the log of that number. Raises `OSError`."""
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_DSYNC, 0o600)
        sync_directory(path.parent)
        self._end = 0
        self._failed = False
        self.number = number
        self.is_empty = True
        """Whether the file holds no record of this generation for sure."""
        self.generation = generation + 1
        """The generation of the records that are written now."""

    def append(self, accepts: Sequence[Accept]) -> bool:
        """Make all of these messages durable and return True; False where they have no place here: nothing is done.

        Raises `OSError` when they could not be made durable. The log is not used again after that: a failed sync is
        never tried a second time, since the kernel may have dropped the very pages that it failed to write.
        """
        if self._failed or any(
            one.content is None or len(one.content) > MAX_CONTENT.value for one in accepts
        ):
            return False
        octets = b"".join(self._records(accepts))
        if self._end + len(octets) > CAPACITY.value:
            return False
        self.is_empty = False
        try:
            _write_all(self._fd, octets, self._end)
        except OSError:
            self._failed = True
            raise
        self._end += len(octets)
        return True

    def begin_again(self) -> None:
        """The database holds this generation: the next one is written over it."""
        self._end = 0
        self.is_empty = True
        self.generation += 1

    def close(self) -> None:
        """Let the file go."""
        os.close(self._fd)

    def _records(self, accepts: Sequence[Accept]) -> Iterator[bytes]:
        for one in accepts:
            rows = f"{one.number}\n{one.message}\n{one.recipients}\n{one.records}".encode()
            content = one.content or b""
            yield _HEAD.pack(
                _MARK, self.generation, len(rows), len(content), _checksum(self.generation, rows, content)
            )
            yield rows
            yield content


def recover(path: Path, generation: int) -> list[Accept]:
    """Return the messages of the generation after `generation`; those of others are in the database already.

    Reading ends where the records of that generation end, be it in the middle of one: what was not written whole was
    not answered with a 250. Raises `OSError`.
    """
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return []
    found: list[Accept] = []
    at = 0
    while at + _HEAD.size <= len(octets):
        mark, number, rows_octets, content_octets, checksum = _HEAD.unpack_from(octets, at)
        begin = at + _HEAD.size
        middle, end = begin + rows_octets, begin + rows_octets + content_octets
        if mark != _MARK or number != generation + 1 or end > len(octets):
            break
        rows, content = octets[begin:middle], octets[middle:end]
        if _checksum(number, rows, content) != checksum:
            break
        identifier, message, recipients, records = rows.decode().split("\n")  # no text of JSON has one in it
        found.append(Accept(int(identifier), message, recipients, records, content))
        at = end
    return found


def _checksum(generation: int, rows: bytes, content: bytes) -> int:
    seed = zlib.crc32(struct.pack("<QII", generation, len(rows), len(content)))
    return zlib.crc32(content, zlib.crc32(rows, seed))


def _write_all(fd: int, octets: bytes, at: int) -> None:
    rest = memoryview(octets)
    while rest:
        written = os.pwrite(fd, rest, at)
        rest, at = rest[written:], at + written
