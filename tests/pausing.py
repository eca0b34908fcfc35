"""Processes made to stand still, and let go on."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def pause(pids: Iterable[int], seconds: float = 10) -> None:
    """Stop the processes, and return when every thread of them stands still.

    The signal alone is not enough: on a busy machine a thread can answer a question or two after it was sent.
    """
    stopped = list(pids)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    while not all(map(_stands_still, stopped)):
        if time.monotonic() > end:
            raise TimeoutError(f"a process of {stopped} runs on {seconds} seconds after SIGSTOP")
        time.sleep(0.002)


def resume(pids: Iterable[int]) -> None:
    """Let the processes go on."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def _stands_still(pid: int) -> bool:
    return all(_state(task) in "TtZX" for task in Path(f"/proc/{pid}/task").glob("*/stat"))


def _state(task: Path) -> str:
    """Return the state of a thread, as proc(5) writes it; X for one that has ended."""
    try:
        return task.read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
