"""The limits that a worker process puts on itself before it reads anything, through the kernel (Linux).

Enforced: memory, processor time, open files, size of a written file, no core file, no new processes (but for
root), no new privileges, death with the parent. The network is taken away with a network namespace where the
kernel lets us make one. Not enforced: which files may be read or written; that is the operator's sandbox (a
service manager, a container).
"""

import ctypes
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_KEPT_OCTETS = 64 << 20


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one job in a worker may use.

    `memory_octets` of address space; `cpu_seconds` of processor time; `wall_seconds` until the parent kills
    it; documents of at most `pages` pages in all and `pixels` pixels an image; `output_octets` in one file;
    `open_files`.
    """

    memory_octets: int = 1536 << 20
    cpu_seconds: int = 120
    wall_seconds: float = 180.0
    pages: int = 500
    pixels: int = 64_000_000
    output_octets: int = 512 << 20
    open_files: int = 256

    def as_json(self) -> dict[str, Any]:
        """Return the limits as values of JSON."""
        return asdict(self)


def raise_fence(limits: WorkerLimits) -> bool:
    """Put the lasting limits on this process; True when it has no network any more. Never raises."""
    isolated = _leave_network()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _limit(resource.RLIMIT_AS, limits.memory_octets)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.output_octets)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing too much becomes an OSError, with a clear message
    return isolated


def grant_cpu(limits: WorkerLimits) -> None:
    """Let the process use `cpu_seconds` from now on; the kernel ends it with SIGXCPU after that."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + limits.cpu_seconds) + 1, hard))


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _leave_network() -> bool:
    """Move into an empty network namespace, in a user namespace of our own where that takes no privilege."""
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare"):
        return False
    if library.unshare(_CLONE_NEWNET) == 0:
        return True
    return bool(library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def environment(package_root: str, scratch: str) -> dict[str, str]:
    """Return the environment of a worker: where the package is, where scratch files go, one thread a library.

    What was freed stays with the process up to `_KEPT_OCTETS`: pages come one after the other, and to get the same
    memory from the kernel for each of them anew costs up to a tenth of a page's time.
    """
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": package_root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": scratch,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": str(_KEPT_OCTETS),
        "MALLOC_MMAP_THRESHOLD_": str(_KEPT_OCTETS),
    }
