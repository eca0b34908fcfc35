"""What can go wrong with staged content, by what its user can do about it."""

from conneg.errors import ConnegError, ExitCode, TemporaryError


class StagingError(TemporaryError):
    """The store cannot do now what was asked (a full disk, a folder that is read-only); nothing of it was done."""


class StagingFullError(StagingError):
    """There is no room for so many octets; the same call succeeds when something has gone."""


class NoSuchItemError(ConnegError):
    """There is no such item, or none any more."""

    exit_code = ExitCode.NO
