"""The root of every error that conneg raises on purpose, and the exit codes of its commands."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; the values from 64 up are those of BSD's sysexits(3)."""

    DONE = 0
    """Yes, or done."""
    NO = 1
    """The answer is no: no match, not deliverable, a file that does not conform."""
    USAGE = 2
    """The command line is wrong."""
    BAD_DATA = 65
    """Input that cannot be read: an expression, a document, a configuration."""
    UNAVAILABLE = 69
    """A peer, a service or a program that is needed is not there."""
    TRY_LATER = 75
    """A temporary failure: the same call may succeed later."""


class ConnegError(Exception):
    """An error with one clear line for the person who caused it.

    `str(error)` says what is wrong and where; `hint`, when there is one, says what to do; `exit_code` is what a
    command that stops because of it exits with.
    """

    exit_code: ExitCode = ExitCode.BAD_DATA

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ConnegError):
    """The caller asked for something that cannot be asked for in that way."""

    exit_code = ExitCode.USAGE


class UnavailableError(ConnegError):
    """Something needed from outside (a peer, a program, a file system) is not there."""

    exit_code = ExitCode.UNAVAILABLE


class TemporaryError(ConnegError):
    """The same call may succeed later."""

    exit_code = ExitCode.TRY_LATER


class BoundExceededError(ConnegError):
    """Input reached a limit of `conneg.bounds`; the message names the bound."""
