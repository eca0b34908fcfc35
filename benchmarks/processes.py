"""What a process and those that it started take, as /proc says."""

from pathlib import Path
from typing import NamedTuple


class Resident(NamedTuple):
    """Octets resident in a process, and in all that descend from it (what they share is counted for each)."""

    own: int
    children: int


def resident(pid: int) -> Resident:
    """Read what a process takes now; nothing for one that is gone."""
    return Resident(_resident(pid), sum(_resident(child) for child in descendants(pid)))


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, all generations."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
