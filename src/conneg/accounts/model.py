"""What is kept of a user, and what a place that keeps users can be asked."""

from dataclasses import dataclass, field
from typing import Protocol

from conneg.errors import ConnegError, TemporaryError
from conneg.smtp import ScramKeys


class AccountsError(ConnegError):
    """Accounts that cannot be read, or a name or password that no account can have."""


class AccountsUnavailableError(TemporaryError):
    """The file or database cannot be used now; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user, by the name that SASLprep makes of it (RFC 4013).

    `argon2` is what PLAIN and LOGIN are checked against, in the usual form (`$argon2id$v=19$…`); `scram` what
    SCRAM-SHA-256 is (RFC 5802). With neither the user is known and cannot log in by that mechanism.
    """

    username: str
    argon2: str | None = field(default=None, repr=False)
    scram: ScramKeys | None = field(default=None, repr=False)


class AccountSource(Protocol):
    """A place that keeps accounts."""

    @property
    def name(self) -> str:
        """What an operator calls it."""

    async def find(self, username: str) -> Account | None:
        """Return the user's account, None if there is none. Raises `AccountsUnavailableError`."""

    async def close(self) -> None:
        """Let go of what is open; `find` may open it again."""
