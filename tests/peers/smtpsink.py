"""Postfix's smtp-sink(1): a server that takes every message, counts it, and keeps it if it is told to."""

import re
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from .ports import LOOPBACK, free_port, wait_for_greeting
from .programs import find, unprivileged_user

_COUNT = re.compile(rb"mesg=(\d+)")


class SmtpSink:
    """A running smtp-sink; a context manager.

    With `counting`, `arrived` is the number of messages so far and `wait_for` gives the time of one; without,
    the sink is as fast as it can be. With `keep`, each message becomes a file in that folder.
    """

    def __init__(self, *, counting: bool = True, keep: Path | None = None, backlog: int = 200) -> None:
        self.port = free_port()
        self.arrived = 0
        self._changed = threading.Condition()
        self._times: dict[int, float] = {}
        user = unprivileged_user()
        command = [find("smtp-sink"), *(("-u", user) if user else ())]
        if counting:
            command.append("-c")
        if keep is not None:
            keep.mkdir(exist_ok=True)
            keep.chmod(0o777)
            command += ["-D", f"{keep}/message."]
        self._process = subprocess.Popen(
            [*command, f"{LOOPBACK}:{self.port}", str(backlog)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, name="smtp-sink's counters", daemon=True)
        self._reader.start()
        try:
            wait_for_greeting(self.port, alive=lambda: self._process.poll() is None)
        except BaseException:
            self.stop()
            raise

    def wait_for(self, count: int, *, seconds: float) -> float:
        """The `time.perf_counter()` at which message `count` had arrived; TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self.arrived < count:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{self.arrived} of {count} messages arrived within {seconds:g} s")
            return min(at for number, at in self._times.items() if number >= count)

    def forget_times(self) -> None:
        """Drop the times kept so far (the count goes on)."""
        with self._changed:
            self._times.clear()

    def stop(self) -> None:
        """End the process; safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        """Counters come as `sess=.. quit=.. mesg=..` and a CR, one for every message."""
        assert self._process.stdout is not None
        rest = b""
        while chunk := self._process.stdout.read1(65536):  # type: ignore[attr-defined]
            now = time.perf_counter()
            whole, _, rest = (rest + chunk).rpartition(b"\r")
            counts = _COUNT.findall(whole)
            if counts:
                with self._changed:
                    self.arrived = int(counts[-1])
                    self._times[self.arrived] = now
                    self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
