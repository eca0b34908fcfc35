"""A filter of system calls: what a reader of documents never needs is answered with EPERM (Linux, `man 2 seccomp`).

The filter is a small program in classic BPF, written here. It is a list of what is denied, not of what is allowed: the
libraries that decode documents change the calls they make, and files are fenced in otherwise.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable

_SYSCALL = {"x86_64": 317, "aarch64": 277}
"""The number of seccomp itself, and the architectures for which there are tables."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_CLONE3 = 435
_AF_UNIX = 1
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000

DENIED = {
    # name: (x86_64, aarch64); 0 where the architecture has no such call
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "fork": (57, 0),
    "vfork": (58, 0),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "personality": (135, 92),
    "ioperm": (173, 0),
    "iopl": (172, 0),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
    "mknod": (133, 0),
    "mknodat": (259, 33),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "capset": (126, 91),
}
"""Sockets, other processes, other programs, mounts, keys, and what only an administrator may."""

_CLONE = (56, 220)
_KILL_CALLS = {"kill": (62, 129), "tgkill": (234, 131)}
_PRLIMIT = (302, 261)


LOCAL_SERVER = frozenset({"socket", "bind", "listen", "accept", "accept4"})
"""What a program needs that listens to others of its kind on the same machine."""


def restrict(allowed: frozenset[str] = frozenset()) -> bool:
    """Put the filter on every thread of this process, for good; False where that cannot be done. Never raises.

    It needs `PR_SET_NO_NEW_PRIVS`. Threads may be started, processes not; signals go to this process only. `allowed`
    are calls of `DENIED` that pass all the same; of sockets then those of UNIX only.
    """
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _SYSCALL:
        return False
    program = filter_for(machine, os.getpid(), allowed)
    octets = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    described = Program(len(program) // 8, ctypes.cast(octets, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(_SYSCALL[machine], _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.byref(described)) == 0)


def filter_for(machine: str, own_process: int, allowed: frozenset[str] = frozenset()) -> bytes:
    """Return the program for an architecture of `DENIED`: instructions of eight octets (`linux/filter.h`)."""
    column = list(_SYSCALL).index(machine)
    code = [_load(4), *_unless_equal(_AUDIT_ARCH[machine], [_answer(_KILL)]), _load(0)]
    if machine == "x86_64":  # the 32-bit calls of the x32 ABI would pass by other numbers
        code += [_instruction(0x35, 0, 1, _X32_BIT), _answer(_ERRNO | _EPERM)]
    code += _if_equal(
        _CLONE3, [_answer(_ERRNO | _ENOSYS)]
    )  # libc then uses clone, whose flags can be looked at
    for name, calls in DENIED.items():
        if calls[column] and name not in allowed:
            code += _if_equal(calls[column], [_answer(_ERRNO | _EPERM)])
    if "socket" in allowed:
        code += _if_equal(DENIED["socket"][column], _unless_argument(_AF_UNIX))
    code += _if_equal(
        _CLONE[column],
        [_load(16), _instruction(0x45, 1, 0, _CLONE_THREAD), _answer(_ERRNO | _EPERM), _load(0)],
    )
    for calls in _KILL_CALLS.values():
        code += _if_equal(calls[column], _unless_argument(own_process))
    code += _if_equal(_PRLIMIT[column], _unless_argument(0))
    return b"".join([*code, _answer(_ALLOW)])


def _load(offset: int) -> bytes:
    """Load 32 bits of `struct seccomp_data`: the call at 0, the architecture at 4, the arguments from 16 on."""
    return _instruction(0x20, 0, 0, offset)


def _unless_argument(value: int) -> list[bytes]:
    """Deny the call unless its first argument is `value`."""
    return [_load(16), *_unless_equal(value, [_answer(_ERRNO | _EPERM)]), _load(0)]


def _if_equal(value: int, then: Iterable[bytes]) -> list[bytes]:
    steps = list(then)
    return [_instruction(0x15, 0, len(steps), value), *steps]


def _unless_equal(value: int, then: Iterable[bytes]) -> list[bytes]:
    steps = list(then)
    return [_instruction(0x15, len(steps), 0, value), *steps]


def _answer(value: int) -> bytes:
    return _instruction(0x06, 0, 0, value)


def _instruction(code: int, when_true: int, when_false: int, value: int) -> bytes:
    return struct.pack("<HBBI", code, when_true, when_false, value)
