"""A load generator that knows CONNEG: one connection, its commands one by one or many at once, over plain sockets."""

import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.peers.ports import LOOPBACK

MAX_RECIPIENTS = 1000
"""How many recipients the servers take in a transaction."""

RECIPIENT = "june@ifax1.example"


class DialogueError(Exception):
    """The server said something that the benchmark cannot go on from."""


class Dialogue:
    """A session up to its EHLO; a context manager."""

    def __init__(self, port: int, *, seconds: float = 30) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb", buffering=1 << 18)
        self.read_replies(1, b"220")
        self.ask(b"EHLO load.example\r\n", b"250")

    def ask(self, command: bytes, wanted: bytes = b"2") -> None:
        """Send one command and read its reply. Raises `DialogueError` if that begins with something else."""
        self._socket.sendall(command)
        self.read_replies(1, wanted)

    def time_one_by_one(self, command: bytes, count: int) -> list[float]:
        """Send the same command so many times, each behind the reply to the last; the seconds each took."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self._socket.sendall(command)
            self.read_replies(1, b"250")
            times.append(time.perf_counter() - start)
        return times

    def time_together(self, commands: Sequence[bytes]) -> float:
        """Send all commands at once; the seconds until the last reply (RFC 2920)."""
        octets = b"".join(commands)
        start = time.perf_counter()
        self._socket.sendall(octets)
        self.read_replies(len(commands), b"250")
        return time.perf_counter() - start

    def begin(self) -> None:
        """Give up the transaction there is and begin one."""
        self.ask(b"RSET\r\n")
        self.ask(b"MAIL FROM:<amy@example.com>\r\n")

    def read_replies(self, count: int, wanted: bytes) -> None:
        """Read so many replies, all of their lines."""
        readline = self._lines.readline
        while count:
            line = readline()
            if line[3:4] == b"-":
                continue
            if not line.startswith(wanted):
                raise DialogueError(f"{wanted.decode()} was awaited, not {line.decode('utf-8', 'replace')!r}")
            count -= 1

    def close(self) -> None:
        """Cut the connection."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rcpt(address: str = RECIPIENT, *, conneg: bool) -> bytes:
    """The RCPT command line, with CONNEG=OPTIONAL or without."""
    return f"RCPT TO:<{address}>{' CONNEG=OPTIONAL' if conneg else ''}\r\n".encode("ascii")
