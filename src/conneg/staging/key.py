"""The key that signs links: 32 random octets in a file that only its owner may read, made when it is first needed."""

import contextlib
import os
import secrets
import uuid
from pathlib import Path

from conneg.durable import sync_directory
from conneg.staging.errors import StagingError

KEY_OCTETS = 32


def read_key(path: Path) -> bytes:
    """Return the key in the file `path`, which is made if it is not there; all processes then get the same one.

    Removing the file makes every link worthless. Raises `StagingError`, also for a key that others may read.
    """
    try:
        if not path.exists():
            _make(path)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            mode = os.fstat(fd).st_mode
            key = file.read(KEY_OCTETS + 1)
    except OSError as error:
        raise StagingError(f"the key of the links cannot be had: {path}: {error.strerror}") from error
    if mode & 0o077:
        raise StagingError(f"others may read the key of the links: {path}", hint=f"chmod 600 {path}")
    if len(key) != KEY_OCTETS:
        raise StagingError(
            f"{path} is no key: {KEY_OCTETS} octets are wanted", hint="remove it, and all links with it"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key under another name and link it to its own: of two who do so at once, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(secrets.token_bytes(KEY_OCTETS))
            file.flush()
            os.fsync(fd)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
        sync_directory(path.parent)
    finally:
        os.unlink(temporary)
