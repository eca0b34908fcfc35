"""A pool of worker processes: the only place that starts a process for hostile octets.

Each worker does one job at a time under the limits of `conneg.content.fence`; one that dies, hangs, grows or
talks nonsense is killed and replaced, and its call raises `ContentRefusedError`. Documents travel as paths,
answers as JSON.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import conneg
from conneg.bounds import Bound
from conneg.content.conversion import ConversionJob
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import WorkerLimits, environment
from conneg.content.inspection import Inspection
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import Source
from conneg.content.wire import LENGTH_OCTETS, body_length, decode, encode
from conneg.errors import BoundExceededError, UnavailableError

JOBS_A_WORKER = Bound(
    name="content.worker-jobs",
    value=200,
    unit="jobs",
    reason="what libraries leak, and what one document might have left behind, goes with the process",
    answer="the worker is replaced, unseen",
)
START_SECONDS = 60.0
"""How long a new worker may take to load its libraries."""

_STDERR_KEPT = 2000

Progress = Callable[[int, int], None]
_T = TypeVar("_T")


class Workers:
    """`count` worker processes; an async context manager. All methods may be called concurrently; extra calls
    wait.

    Cancelling a call kills its worker at once. `scratch` is where workers put temporary files. `command` is
    what is started in place of the worker program, for tests.
    """

    def __init__(
        self,
        count: int = 2,
        limits: WorkerLimits | None = None,
        scratch: Path | None = None,
        *,
        command: Sequence[str] = (),
    ) -> None:
        self.limits = limits or WorkerLimits()
        self._count = max(1, count)
        self._command = tuple(command) or (sys.executable, "-P", "-m", "conneg.content.worker_main")
        self._scratch = str(scratch or tempfile.gettempdir())
        self._slots = asyncio.Semaphore(self._count)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._open = False

    async def __aenter__(self) -> Self:
        self._open = True
        for _ in range(self._count):
            self._idle.append(await self._start())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        await asyncio.gather(*(worker.kill() for worker in tuple(self._all)))
        self._all.clear()
        self._idle.clear()

    async def inspect(self, source: Source) -> Inspection:
        """Return what `source` is. Raises ContentRefusedError when looking at it went beyond a limit."""
        result = await self._call({"job": "inspect", "source": source.as_json()}, source.label)
        return _trusted(lambda: Inspection.from_json(result["inspection"]), source.label)

    async def convert(self, job: ConversionJob, progress: Progress | None = None) -> Rendition:
        """Make the rendition that `job` describes; `progress` is called with pages done and pages in all.

        Raises ContentRefusedError for what the sources are, ConversionError for what the target asks.
        """
        label = ", ".join(source.label for source in job.sources) or job.stem
        result = await self._call({"job": "convert", "conversion": job.as_json()}, label, progress)
        files = _trusted(lambda: tuple(RenditionFile.from_json(file) for file in result["files"]), label)
        if any(file.path.parent != job.out_dir for file in files):
            raise ContentRefusedError(f"{label}: the worker named a file outside its directory")
        return Rendition(files)

    async def verify(self, path: Path, media_type: str, accepted: str) -> tuple[str, ...]:
        """Return what is wrong with the file as a `media_type` for a receiver of `accepted`; empty when it
        conforms.
        """
        request = {"job": "verify", "path": str(path), "media_type": media_type, "accepted": accepted}
        result = await self._call(request, path.name)
        return _trusted(lambda: tuple(str(problem) for problem in result["problems"]), path.name)

    async def _call(
        self, request: dict[str, Any], label: str, progress: Progress | None = None
    ) -> dict[str, Any]:
        if not self._open:
            raise UnavailableError("the workers are not running: use them as an async context manager")
        message = encode(request)
        async with self._slots:
            worker = await self._take()
            kept = False
            try:
                async with asyncio.timeout(self.limits.wall_seconds):
                    reply = await worker.ask(message, progress)
                kept = not reply.get("spent") and worker.jobs < JOBS_A_WORKER.value
            except TimeoutError:
                raise ContentRefusedError(
                    f"{label}: exceeded its limit of {self.limits.wall_seconds:g} seconds"
                ) from None
            except _WorkerLostError:
                raise ContentRefusedError(f"{label}: {await self._cause_of_death(worker)}") from None
            except (ValueError, BoundExceededError):
                raise ContentRefusedError(f"{label}: its worker talked nonsense") from None
            finally:
                await self._put_back(worker, kept=kept)
        return _result(reply, label)

    async def _start(self) -> "_Worker":
        limits = json.dumps(self.limits.as_json())
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                limits,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._scratch,
                env=environment(str(Path(conneg.__file__).parents[1]), self._scratch),
                start_new_session=True,
            )
        except OSError as error:
            raise UnavailableError(f"no worker process can be started: {error}") from error
        worker = _Worker(process)
        self._all.add(worker)
        return worker

    async def _take(self) -> "_Worker":
        """Return a worker that is ready; raises UnavailableError when none starts."""
        worker = self._idle.pop() if self._idle else await self._start()
        while not worker.is_alive:
            await self._put_back(worker, kept=False)
            worker = self._idle.pop() if self._idle else await self._start()
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker.ready()
        except BaseException as error:
            await self._put_back(worker, kept=False)
            if isinstance(error, TimeoutError | _WorkerLostError | ValueError | BoundExceededError):
                raise UnavailableError(f"a worker process does not start: {worker.last_words}") from None
            raise
        return worker

    async def _put_back(self, worker: "_Worker", *, kept: bool) -> None:
        if kept and self._open:
            self._idle.append(worker)
            return
        self._all.discard(worker)
        await worker.kill()

    async def _cause_of_death(self, worker: "_Worker") -> str:
        """Return in words why the worker ended by itself."""
        status = await worker.status()
        if status == -signal.SIGXCPU:
            return f"exceeded its limit of {self.limits.cpu_seconds} seconds of processor time"
        if status == -signal.SIGKILL:
            return "its worker was killed (out of memory, or too much processor time)"
        if status < 0:
            return (
                f"its worker crashed ({signal.Signals(-status).name}): damaged or hostile, or out of memory"
            )
        return f"its worker ended without an answer (status {status})"


def _result(reply: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the reply's result, or raise the error it stands for."""
    result = reply.get("result")
    if isinstance(result, dict):
        return result
    message, hint = str(reply.get("message", "no answer")), reply.get("hint")
    if reply.get("error") == "conversion":
        raise ConversionError(message, hint=hint if isinstance(hint, str) else None)
    message = message if message.startswith(label) or not reply.get("spent") else f"{label}: {message}"
    raise ContentRefusedError(message, hint=hint if isinstance(hint, str) else None)


def _trusted(read: Callable[[], _T], label: str) -> _T:
    """Return what `read` makes of a worker's result; a result of the wrong form is a refusal."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ContentRefusedError(f"{label}: its worker talked nonsense") from error


class _WorkerLostError(Exception):
    """The worker's pipe ended."""


class _Worker:
    """One process, seen from the parent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.jobs = 0
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

    async def ready(self) -> None:
        """Wait until it has loaded its libraries."""
        if not self._ready:
            await self._receive()
            self._ready = True

    async def ask(self, message: bytes, progress: Progress | None) -> dict[str, Any]:
        """Send a job and return its reply, which holds a result or an error."""
        self.jobs += 1
        try:
            self._stdin.write(message)
            await self._stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise _WorkerLostError from error
        while True:
            reply = await self._receive()
            step = reply.get("progress")
            if step is None:
                return reply
            done, total = step
            if progress is not None:
                progress(int(done), int(total))

    async def _receive(self) -> dict[str, Any]:
        try:
            head = await self._stdout.readexactly(LENGTH_OCTETS)
            return decode(await self._stdout.readexactly(body_length(head)))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _WorkerLostError from error

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        """Keep the end of what it writes to standard error, so that the pipe never fills."""
        while chunk := await stderr.read(4096):
            self._words += chunk
            del self._words[:-_STDERR_KEPT]

    async def status(self) -> int:
        """Return the exit status; negative is a signal. One that closed its pipe and lives on is killed."""
        try:
            async with asyncio.timeout(2):
                return await self._process.wait()
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
