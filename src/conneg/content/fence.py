"""The fence around a worker process: what it puts on itself, through the kernel (Linux), before it reads anything.

Layers that know nothing of each other: limits on resources, a network namespace, Landlock, a filter of system calls;
around all of them bubblewrap, which the parent starts the worker in. Each is there where the kernel, or the machine,
has it; `Fence` says which of them hold.
"""

import ctypes
import os
import resource
import signal
import site
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conneg.content import landlock, seccomp

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_KEPT_OCTETS = 64 << 20

LAYERS = ("namespace", "landlock", "seccomp", "bubblewrap")
"""What there is besides limits on resources; by default all of them are raised."""

_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/fonts",
    "/etc/libreoffice",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/var/cache/fontconfig",
    "/var/lib/libreoffice",
    "/var/spool/libreoffice",
)
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
"""What the kernel executes to load a program's libraries."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


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


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told when it starts: its limits, its two folders, and the layers of its fence.

    `temporary` is the folder that it has as `/tmp`, if it has one.
    """

    limits: WorkerLimits
    documents: Path
    results: Path
    layers: tuple[str, ...] = LAYERS
    temporary: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the orders as values of JSON."""
        return {
            "limits": self.limits.as_json(),
            "documents": str(self.documents),
            "results": str(self.results),
            "layers": list(self.layers),
            "temporary": None if self.temporary is None else str(self.temporary),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Orders":
        """Read what `as_json` gave."""
        return cls(
            WorkerLimits(**value["limits"]),
            Path(value["documents"]),
            Path(value["results"]),
            tuple(value["layers"]),
            None if value["temporary"] is None else Path(value["temporary"]),
        )


@dataclass(frozen=True, slots=True)
class Fence:
    """What keeps a worker from what: for each danger the layers that hold, none if nothing does."""

    network: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether a worker has neither network nor files but its own, and starts no process."""
        return bool(self.network and self.files and self.processes)

    def and_bubblewrap(self) -> "Fence":
        """Return the fence with bubblewrap around it."""
        return Fence(
            (*self.network, "bubblewrap"),
            (*self.files, "bubblewrap"),
            self.processes,
            self.resources,
        )

    def as_json(self) -> dict[str, list[str]]:
        """Return the fence as values of JSON."""
        return {danger: list(layers) for danger, layers in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Fence":
        """Read what `as_json` gave. Raises KeyError, TypeError."""
        names = ("network", "files", "processes", "resources")
        return cls(*(tuple(str(layer) for layer in value[name]) for name in names))


def raise_limits(limits: WorkerLimits, *, has_threads: bool = False) -> None:
    """Put the lasting limits on this process: they hold from before it loads anything. Never raises.

    `has_threads`: what it becomes starts threads, which the kernel counts among a user's processes.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _limit(resource.RLIMIT_AS, limits.memory_octets)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.output_octets)
    _limit(resource.RLIMIT_CORE, 0)
    if not has_threads:
        _limit(resource.RLIMIT_NPROC, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing too much becomes an OSError, with a clear message


def raise_fence(orders: Orders, program: Path | None = None) -> Fence:
    """Give up for good what no reader needs, once everything is loaded; returns what holds. Never raises.

    The folder for documents may be read, and that for results written, beside the system's libraries and fonts.
    `program` is what this process may become: nothing else is executed, and it may wait for others of its kind at a
    UNIX socket in `/tmp`, but connect to none.
    """
    wanted = frozenset(orders.layers)
    network: list[str] = []
    files: list[str] = []
    processes: list[str] = []
    if "namespace" in wanted and _leave_network():
        network.append("network namespace")
    if "landlock" in wanted:
        readable = [*readable_paths(), orders.documents]
        writable = [orders.results, *map(Path, _DEVICES)]
        if orders.temporary is not None:
            writable.append(orders.temporary)
        fenced = landlock.restrict(
            readable,
            writable,
            executable=() if program is None else (program, *map(Path, _LOADERS)),
            for_sockets=() if program is None else (Path("/tmp"),),  # noqa: S108
        )
        if "files" in fenced:
            files.append("Landlock")
            processes.append(f"Landlock (no {'other ' if program else ''}program is executed)")
        if "tcp" in fenced:
            network.append("Landlock (TCP)")
    allowed = frozenset() if program is None else seccomp.LOCAL_SERVER | {"execve"}
    if "seccomp" in wanted and seccomp.restrict(allowed):
        network.append("seccomp")
        processes.append("seccomp")
    return Fence(tuple(network), tuple(files), tuple(processes), ("rlimits",))


def readable_paths() -> tuple[Path, ...]:
    """Return the folders and files that the interpreter, its libraries and fonts are in."""
    paths = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages(), *sys.path]
    found = [Path(path) for path in (*_SYSTEM, *paths) if path and Path(path).exists()]
    resolved = dict.fromkeys(path if str(path) in _SYSTEM else path.resolve() for path in found)
    return tuple(path for path in resolved if str(path) != "/")


def grant_cpu(limits: WorkerLimits, *, for_good: bool = False) -> None:
    """Let the process use `cpu_seconds` from now on; the kernel ends it with SIGXCPU after that.

    `for_good`: the limit cannot be raised again, and ends it with SIGKILL, which no program can catch.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    granted = int(used + limits.cpu_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (granted, granted if for_good else hard))


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
