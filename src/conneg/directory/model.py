"""What a directory answers: a recipient's capability, that it does not know the recipient, or that it cannot say now.

The three answers are different facts and lead to different replies: a capability goes into the CONNEG lines, "unknown"
leaves the recipient to the next source or to the baseline, and "cannot say now" is the temporary failure of the draft
(section 4.3: 404 to REQUIRED, and as if CONNEG were absent for OPTIONAL).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from conneg.errors import ConnegError
from conneg.negotiation import Capability


class DirectoryError(ConnegError):
    """A directory that cannot be read or written as asked; the message says which, where and why."""


@dataclass(frozen=True, slots=True)
class Known:
    """The directory knows what the recipient can take.

    `fresh_seconds`: how long the source says that this will hold; `stale_seconds`: how long after that it may be told
    while the source is asked again, or cannot say. None where it says nothing of it.
    """

    capability: Capability
    fresh_seconds: float | None = None
    stale_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The directory works and has nothing about this recipient; the seconds are as in `Known`."""

    fresh_seconds: float | None = None
    stale_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The directory cannot answer now; `reason` is for the operator. The same question may succeed later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Faulty(Unavailable):
    """The directory works, but what it has about this one recipient cannot be used."""


Answer = Known | Unknown | Unavailable


class Directory(Protocol):
    """One source of knowledge about recipients.

    `lookup` is given forward-paths without `<>` and the seconds it may take, and returns an answer for each of them,
    under the spelling it was asked with. It neither raises nor outlasts its deadline: what goes wrong is `Unavailable`
    with the reason. It must not block the event loop.
    """

    @property
    def name(self) -> str:
        """What an operator calls this source, for logs and explanations."""
        ...

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients` within `deadline` seconds."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A source that holds something open."""

    async def close(self) -> None:
        """Let it go; the source is not asked again."""
        ...


@runtime_checkable
class AsksPeers(Protocol):
    """A source that asks other mail servers, who may ask in turn."""

    def is_asking(self, recipient: str, address: str) -> bool:
        """Say whether the host at IP `address` is being asked about `recipient` now."""
        ...


@runtime_checkable
class AtOnce(Protocol):
    """A source that can often answer without waiting, for then no task and no timer need be made for a RCPT."""

    def lookup_now(self, recipients: Sequence[str]) -> Mapping[str, Answer] | None:
        """Return what `Directory.lookup` would, or None if that has to wait for anything; neither raises nor blocks."""
        ...
