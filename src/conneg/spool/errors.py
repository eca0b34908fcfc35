"""What can go wrong with a spool, by what its user can do about it."""

import errno
import sqlite3

from conneg.errors import ConnegError, ExitCode, TemporaryError, UnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class SpoolError(ConnegError):
    """The spool could not do what was asked; nothing of it was done. The message names the file or the
    message.
    """

    exit_code = ExitCode.UNAVAILABLE


class SpoolFullError(SpoolError, TemporaryError):
    """The disk is full (or a quota); the same call succeeds when there is room again."""

    exit_code = ExitCode.TRY_LATER


class SpoolBusyError(SpoolError, TemporaryError):
    """Another process kept the spool to itself for too long."""

    exit_code = ExitCode.TRY_LATER


class SpoolLockedError(SpoolError, UnavailableError):
    """Another process serves this spool."""

    exit_code = ExitCode.UNAVAILABLE


class UnknownMessageError(SpoolError):
    """No message of that id, or its content is gone because every recipient is settled."""

    exit_code = ExitCode.NO


def as_spool_error(error: BaseException, doing: str) -> SpoolError:
    """Return the `SpoolError` that says the same as an error of SQLite or of the file system."""
    text = f"{doing}: {error}"
    if isinstance(error, SpoolError):
        return error
    if isinstance(error, OSError):
        return SpoolFullError(text, hint="make room") if error.errno in _FULL else SpoolError(text)
    # An extended result code has the primary one in its low octet.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return SpoolFullError(text, hint="make room")
    return SpoolBusyError(text) if code in _BUSY else SpoolError(text)
