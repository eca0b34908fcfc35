"""Landlock: a process gives up every file but those below some folders, TCP, and signals to others (Linux 5.13 on).

Straight system calls, as libc has no functions for them (`man 7 landlock`). What the kernel is too old to know is left
out; `restrict` says what is in force.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture: they came after those had been unified."""

_VERSION_FLAG = 1
_PATH_BENEATH = 1
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract UNIX sockets, signals


class Access(IntFlag):
    """What may be done with files (`linux/landlock.h`)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_READ = Access.READ_FILE | Access.READ_DIR
_WRITE = (
    _READ
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.MAKE_REG
    | Access.MAKE_DIR
    | Access.REMOVE_FILE
    | Access.REMOVE_DIR
    | Access.REFER
)
_OF_FILES = Access.READ_FILE | Access.WRITE_FILE | Access.TRUNCATE | Access.EXECUTE | Access.IOCTL_DEV
_KNOWN_SINCE = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    5: (1 << 16) - 1,
}
"""Version of Landlock -> all accesses that it knows."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def restrict(
    readable: Iterable[Path],
    writable: Iterable[Path],
    *,
    executable: Iterable[Path] = (),
    for_sockets: Iterable[Path] = (),
) -> frozenset[str]:
    """Keep this process, and all it starts, to these folders and files; what is not there is passed over.

    Returns what is fenced in: "files", "tcp", "signals"; nothing where the kernel has no Landlock. No program can be
    executed but those in `executable`; UNIX sockets can be made in the folders `for_sockets` only. It needs
    `PR_SET_NO_NEW_PRIVS`. Never raises: what could not be done is not in the answer.
    """
    found = version()
    if not found:
        return frozenset()
    handled = next(bits for since, bits in sorted(_KNOWN_SINCE.items(), reverse=True) if found >= since)
    ruleset = _Ruleset(handled, _TCP if found >= 4 else 0, _SCOPES if found >= 6 else 0)
    size = ctypes.sizeof(_Ruleset) if found >= 6 else 16 if found >= 4 else 8
    libc = _libc()
    descriptor = int(libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0))
    if descriptor < 0:
        return frozenset()
    try:
        for paths, access in (
            (readable, _READ),
            (writable, _WRITE),
            (executable, _READ | Access.EXECUTE),
            (for_sockets, Access.MAKE_SOCK),
        ):
            for path in paths:
                _allow(libc, descriptor, path, int(access) & handled)
        if libc.syscall(_RESTRICT_SELF, descriptor, 0) != 0:
            return frozenset()
    finally:
        os.close(descriptor)
    fenced = {"files": True, "tcp": found >= 4, "signals": found >= 6}
    return frozenset(name for name, is_fenced in fenced.items() if is_fenced)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    """Add one rule; a file has no rights that only a folder can have."""
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            access &= int(_OF_FILES)
        rule = _PathBeneath(access, parent)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
