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
    """The processes below `pid`, all generations; those that end meanwhile are left out."""
    found: list[int] = []
    for child in _children(pid):
        found += [child, *descendants(child)]
    return found


def _children(pid: int) -> list[int]:
    try:
        texts = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(word) for text in texts for word in text.split()]


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
