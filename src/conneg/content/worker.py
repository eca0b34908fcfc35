"""One worker process, seen from the parent: started, asked, and ended.

`conneg.content.workers` decides when; nothing here knows of other workers.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from conneg.content.desk import Desk
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import Fence
from conneg.content.wire import LENGTH_OCTETS, body_length, decode, encode
from conneg.errors import ConnegError

_STDERR_KEPT = 2000

Progress = Callable[[int, int], None]


class WorkerLostError(Exception):
    """The worker's pipe ended."""


class WorkerSaidError(Exception):
    """A worker's reply that is no result; `is_spent`: it went beyond a limit, or a library failed, and it must go."""

    def __init__(self, reply: dict[str, Any]) -> None:
        super().__init__()
        hint = reply.get("hint")
        self.message = str(reply.get("message", "no answer"))
        self._hint = hint if isinstance(hint, str) else None
        self._is_conversion = reply.get("error") == "conversion"
        self.is_spent = bool(reply.get("spent"))

    def as_refusal(self) -> ConnegError:
        """Return the error that the reply stands for."""
        kind = ConversionError if self._is_conversion else ContentRefusedError
        return kind(self.message, hint=self._hint)


class Worker:
    """One process, seen from the parent."""

    def __init__(self, process: asyncio.subprocess.Process, desk: Desk, *, is_wrapped: bool) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.jobs = 0
        self.desk = desk
        self._is_wrapped = is_wrapped
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._ready = False
        self._words = bytearray()
        self._listener = asyncio.create_task(self._listen(process.stderr))

    @property
    def is_alive(self) -> bool:
        """Whether the process has not been seen to end."""
        return self._process.returncode is None

    @property
    def last_words(self) -> str:
        """The last line it wrote to standard error."""
        lines = self._words.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    async def ready(self) -> Fence | None:
        """Wait until it has loaded its libraries; the first time, return what keeps it in."""
        if self._ready:
            return None
        reply = await self._receive()
        try:
            fence = Fence.from_json(reply["fence"])
        except (KeyError, TypeError) as error:
            raise ValueError("the worker does not say what keeps it in") from error
        self._ready = True
        return fence.and_bubblewrap() if self._is_wrapped else fence

    async def ask(self, request: dict[str, Any], progress: Progress | None = None) -> dict[str, Any]:
        """Send a job and return its result; raises WorkerSaidError for a reply that is none."""
        self.jobs += 1
        try:
            self._stdin.write(encode(request))
            await self._stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise WorkerLostError from error
        while True:
            reply = await self._receive()
            step = reply.get("progress")
            if step is None:
                result = reply.get("result")
                if isinstance(result, dict):
                    return result
                raise WorkerSaidError(reply)
            done, total = step
            if progress is not None:
                progress(int(done), int(total))

    async def _receive(self) -> dict[str, Any]:
        try:
            head = await self._stdout.readexactly(LENGTH_OCTETS)
            return decode(await self._stdout.readexactly(body_length(head)))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerLostError from error

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        """Keep the end of what it writes to standard error, so that the pipe never fills."""
        while chunk := await stderr.read(4096):
            self._words += chunk
            del self._words[:-_STDERR_KEPT]

    async def status(self) -> int:
        """Return the exit status; negative is a signal. One that closed its pipe and lives on is killed."""
        try:
            async with asyncio.timeout(2):
                status = await self._process.wait()
                # bubblewrap ends as a shell does when what it runs is ended by a signal
                return 128 - status if self._is_wrapped and status > 128 else status
        except TimeoutError:
            await self.kill()
            return -signal.SIGKILL

    async def kill(self) -> None:
        """End the process and all that it may have started; returns when it is gone, also when cancelled."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        await asyncio.shield(self._gone())

    async def _gone(self) -> None:
        await self._process.wait()
        self._listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listener
        await asyncio.to_thread(self.desk.remove)
