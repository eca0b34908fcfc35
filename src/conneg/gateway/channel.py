"""What the serving process and a receiver say to each other, a word at a time, over a pair of connected sockets.

The sockets are of the kind that keeps messages apart and in order, so a word is one message, and a connection that is
handed over travels with its own. Neither side ever waits for the other: what cannot be said now, `say` says so.
"""

import array
import socket
import struct
from dataclasses import dataclass
from enum import Enum
from typing import Self


class Word(Enum):
    """What is said, and by whom."""

    CONNECTION = b"c"
    """Serving process: take this connection; `number` is the place of its listener."""
    ROOM = b"r"
    """Serving process: what comes in goes out."""
    NO_ROOM = b"f"
    """Serving process: more comes in than goes out."""
    STOP = b"s"
    """Serving process: finish what is in hand within `number` milliseconds, and end."""
    READY = b"a"
    """Receiver: connections can be taken."""
    STORED = b"n"
    """Receiver: there are new messages in the database."""


_FORM = struct.Struct("<cI")


@dataclass(frozen=True, slots=True)
class Message:
    """One word, and what belongs to it."""

    word: Word
    number: int = 0
    connection: socket.socket | None = None


class Channel:
    """One end; not blocking."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """Return two connected ends."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    @classmethod
    def inherited(cls, descriptor: int) -> Self:
        """Return the end whose descriptor the parent of this process has left open."""
        end = socket.socket(fileno=descriptor)
        end.set_inheritable(False)
        return cls(end)

    def fileno(self) -> int:
        """Return the descriptor, to wait for words or to inherit; -1 when it is closed."""
        return self._end.fileno()

    def say(self, word: Word, number: int = 0, connection: socket.socket | None = None) -> bool:
        """Say a word; False where the other end does not listen now, or is gone."""
        rights = [] if connection is None else [connection.fileno()]
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", rights))] if rights else []
        try:
            self._end.sendmsg([_FORM.pack(word.value, number)], ancillary)
        except OSError:
            return False
        return True

    def hear(self) -> Message | None:
        """Return the next message; None when the other end is gone. Raises `BlockingIOError` if nothing was said."""
        try:
            octets, descriptors, _, _ = socket.recv_fds(self._end, _FORM.size, 1)
        except ConnectionError:
            return None
        if not octets:
            return None
        word, number = _FORM.unpack(octets)
        if not descriptors:
            return Message(Word(word), number)
        connection = socket.socket(fileno=descriptors[0])
        connection.set_inheritable(False)
        return Message(Word(word), number, connection)

    def close(self) -> None:
        """Let this end go; the other one notices."""
        self._end.close()
