"""On what machine a measurement was made."""

import os
import platform
import re
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path


def describe() -> dict[str, str]:
    """CPU model, cores, memory, kernel, Python, and the load there was before."""
    kibibytes = int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0)
    return {
        "cpu": _first(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "memory": f"{kibibytes // 1024:,} MiB",
        "kernel": platform.release(),
        "python": f"{platform.python_version()} ({_build()})",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _first(pattern: str, file: Path) -> str:
    try:
        found = re.search(pattern, file.read_text())
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _build() -> str:
    """How this Python was built: without profile-guided optimisation it is slower by a sixth or so."""
    optimised = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    return "optimised build" if optimised else "built without --enable-optimizations"


def program_version(*command: str) -> str:
    """The first thing like a version number that a program says of itself; empty when it says none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else ""


def package_version(name: str) -> str:
    """The version of an installed Python distribution; empty when there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
