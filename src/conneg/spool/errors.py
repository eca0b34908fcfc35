"""What can go wrong with a spool, by what its user can do about it."""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from conneg.errors import ConnegError, ExitCode, TemporaryError, UnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FAILING = frozenset({errno.EROFS, errno.EIO})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OF_THE_DISK = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PROBE_OCTETS = 4096
_REPAIR = (
    "the kernel's log has the cause (dmesg): stop the gateway, check the file system (fsck), mount it again; "
    "what was accepted waits in the spool"
)


class SpoolError(ConnegError):
    """The spool could not do what was asked; nothing of it was done. The message names the file or the
    message.
    """

    exit_code = ExitCode.UNAVAILABLE


class SpoolFullError(SpoolError, TemporaryError):
    """The disk is full (or a quota); the same call succeeds when there is room again."""

    exit_code = ExitCode.TRY_LATER


class SpoolDiskError(SpoolError, UnavailableError):
    """The file system takes no writes: it met an error and turned read-only, or was mounted so, or the disk fails."""

    exit_code = ExitCode.UNAVAILABLE


class SpoolBusyError(SpoolError, TemporaryError):
    """Another process kept the spool to itself for too long."""

    exit_code = ExitCode.TRY_LATER


class SpoolLockedError(SpoolError, UnavailableError):
    """Another process serves this spool."""

    exit_code = ExitCode.UNAVAILABLE


class UnknownMessageError(SpoolError):
    """No message of that id, or its content is gone because every recipient is settled."""

    exit_code = ExitCode.NO


def as_spool_error(error: BaseException, doing: str, folder: Path | None = None) -> SpoolError:
    """Return the `SpoolError` that says the same as an error of SQLite or of the file system.

    SQLite keeps to itself what the file system said; with `folder`, the spool's, that is asked again.
    """
    text = f"{doing}: {error}"
    if isinstance(error, SpoolError):
        return error
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return SpoolFullError(text, hint="make room")
        return SpoolDiskError(text, hint=_REPAIR) if error.errno in _FAILING else SpoolError(text)
    # An extended result code has the primary one in its low octet.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return SpoolFullError(text, hint="make room")
    if code in _OF_THE_DISK and folder is not None:
        found = disk_trouble(folder, doing)
        if found is not None:
            return found
    return SpoolBusyError(text) if code in _BUSY else SpoolError(text)


def disk_trouble(folder: Path, doing: str) -> SpoolError | None:
    """Return why the file system of `folder` takes no writes, after `doing`; None if it does, or it may not be asked.

    A file without a name is written and forgotten: a file system that met an error need not show as read-only.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_OCTETS))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in _FULL | _FAILING:
            return as_spool_error(OSError(error.errno, os.strerror(error.errno)), doing)
    return None
