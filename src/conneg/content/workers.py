"""A pool of worker processes: the only place that starts a process for hostile octets.

Each worker does one job at a time behind the fence of `conneg.content.fence`, and sees the two folders of its desk
only. One that dies, hangs, grows or talks nonsense is killed and replaced; the job that it had is tried once more, in
a new worker while no other is at work, and refused (`ContentRefusedError`) if that ends the same way. Documents travel
as paths, answers as JSON.
"""

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import conneg
from conneg.bounds import Bound
from conneg.content import bubblewrap
from conneg.content.conversion import ConversionJob, can_be_divided
from conneg.content.desk import Desk
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import LAYERS, Fence, Orders, WorkerLimits, environment, readable_paths
from conneg.content.inspection import Inspection
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import Source
from conneg.content.worker import Progress, Worker, WorkerLostError, WorkerSaidError
from conneg.errors import BoundExceededError, UnavailableError

JOBS_A_WORKER = Bound(
    name="content.worker-jobs",
    value=200,
    unit="jobs",
    reason="what libraries leak, and what one document might have left behind, goes with the process",
    answer="the worker is replaced, unseen",
)
SPAN_PAGES = 8
"""Fewer pages than that are not worth another worker, which has to open the document, too."""

START_SECONDS = 60.0
"""How long a new worker may take to load its libraries."""

_T = TypeVar("_T")


class Workers:
    """`count` worker processes; an async context manager. All methods may be called concurrently; extra calls
    wait.

    Cancelling a call kills its worker at once. `scratch` is where workers have their folders. `layers` are those of
    the fence that are raised where the machine has them; with `closed_only` entering raises UnavailableError unless
    network, files and processes are all fenced off. `command` is what is started in place of the worker program, for
    tests.
    """

    def __init__(
        self,
        count: int = 2,
        limits: WorkerLimits | None = None,
        scratch: Path | None = None,
        *,
        layers: Sequence[str] = LAYERS,
        closed_only: bool = False,
        command: Sequence[str] = (),
    ) -> None:
        self.limits = limits or WorkerLimits()
        self._layers = tuple(layers)
        self._closed_only = closed_only
        self._count = max(1, count)
        self._command = tuple(command) or (sys.executable, "-P", "-m", "conneg.content.worker_main")
        self._scratch = scratch or Path(tempfile.gettempdir())
        self._slots = asyncio.Semaphore(self._count)
        self._alone = asyncio.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._open = False
        self._fence: Fence | None = None

    async def __aenter__(self) -> Self:
        self._open = True
        for _ in range(self._count):
            self._idle.append(await self._start())
        if self._closed_only and not (await self.fence()).is_closed:
            await self.__aexit__(None, None, None)
            raise UnavailableError(
                "workers cannot be fenced in here: " + _gaps(self._fence),
                hint="install bubblewrap, or use a kernel with Landlock and seccomp",
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        await asyncio.gather(*(worker.kill() for worker in tuple(self._all)))
        self._all.clear()
        self._idle.clear()

    async def fence(self) -> Fence:
        """Return what keeps the workers from network, files and processes; all of them have the same."""
        if self._fence is None:
            async with self._slots:
                await self._put_back(await self._take(), kept=True)
        assert self._fence is not None
        return self._fence

    async def inspect(self, source: Source) -> Inspection:
        """Return what `source` is. Raises ContentRefusedError when looking at it went beyond a limit."""

        async def work(worker: Worker) -> Inspection:
            laid = await self._lay(worker, _paths_of([source]))
            result = await worker.ask({"job": "inspect", "source": _moved(source, laid).as_json()})
            return _trusted(lambda: Inspection.from_json(result["inspection"]), source.label)

        return await self._call(work, source.label)

    async def convert(self, job: ConversionJob, progress: Progress | None = None) -> Rendition:
        """Make the rendition that `job` describes; `progress` is called with pages done and pages in all.

        Raises ContentRefusedError for what the sources are, ConversionError for what the target asks.
        """
        if self._count > 1 and (job.pages or 0) >= 2 * SPAN_PAGES and can_be_divided(job.target):
            return await self._convert_in_parts(job, progress)
        return await self._convert(job, progress)

    async def _convert_in_parts(self, job: ConversionJob, progress: Progress | None) -> Rendition:
        """Make spans of the pages in as many workers as there are, and put them together in one."""
        pages = job.pages or 0
        done: dict[int, int] = {}

        def tell(part: int, count: int) -> None:
            done[part] = count
            if progress is not None:
                progress(sum(done.values()), pages)

        with tempfile.TemporaryDirectory(prefix="conneg-parts-", dir=self._scratch) as folder:
            places = [pages * part // self._count for part in range(self._count + 1)]
            jobs = [
                replace(job, out_dir=Path(folder), stem=f"part-{part}", span=span)
                for part, span in enumerate(pairwise(places))
            ]
            tasks = [
                asyncio.create_task(self._convert(one, partial(_tell_of, tell, part)))
                for part, one in enumerate(jobs)
            ]
            try:
                made = await asyncio.gather(*tasks)
            except BaseException:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                raise
            return await self._join(made, job)

    async def _join(self, parts: Sequence[Rendition], job: ConversionJob) -> Rendition:
        async def work(worker: Worker) -> Rendition:
            laid = await self._lay(worker, [file.path for part in parts for file in part.files])
            moved = [
                replace(
                    part, files=tuple(replace(file, path=laid[file.path]) for file in part.files)
                ).as_json()
                for part in parts
            ]
            here = replace(job, sources=(), out_dir=worker.desk.results)
            request = {"job": "join", "parts": moved, "conversion": here.as_json()}
            return await self._carried(worker, await worker.ask(request), job.out_dir, job.stem)

        return await self._call(work, job.stem)

    async def _convert(self, job: ConversionJob, progress: Progress | None) -> Rendition:
        label = ", ".join(source.label for source in job.sources) or job.stem

        async def work(worker: Worker) -> Rendition:
            laid = await self._lay(worker, _paths_of(job.sources))
            sources = tuple(_moved(source, laid) for source in job.sources)
            here = replace(job, sources=sources, out_dir=worker.desk.results)
            result = await worker.ask({"job": "convert", "conversion": here.as_json()}, progress)
            return await self._carried(worker, result, job.out_dir, label)

        return await self._call(work, label)

    async def verify(self, path: Path, media_type: str, accepted: str) -> tuple[str, ...]:
        """Return what is wrong with the file as a `media_type` for a receiver of `accepted`; empty when it
        conforms.
        """

        async def work(worker: Worker) -> tuple[str, ...]:
            laid = await self._lay(worker, [path])
            request = {
                "job": "verify",
                "path": str(laid[path]),
                "media_type": media_type,
                "accepted": accepted,
            }
            result = await worker.ask(request)
            return _trusted(lambda: tuple(str(problem) for problem in result["problems"]), path.name)

        return await self._call(work, path.name)

    async def _carried(self, worker: Worker, result: dict[str, Any], folder: Path, label: str) -> Rendition:
        """Return the rendition that a worker says it has made, its files in `folder`."""
        made = _trusted(lambda: Rendition.from_json(result), label)
        return replace(made, files=tuple([await self._carry(worker, file, folder) for file in made.files]))

    async def _lay(self, worker: Worker, paths: Sequence[Path]) -> dict[Path, Path]:
        """Lay files on the worker's desk; as the files themselves only where it can write to none but its own."""
        is_kept_in = self._fence is not None and bool(self._fence.files)
        return await asyncio.to_thread(worker.desk.lay, paths, by_link=is_kept_in)

    async def _carry(self, worker: Worker, file: RenditionFile, folder: Path) -> RenditionFile:
        """Take a file from the worker's desk to where it was wanted."""
        try:
            return replace(file, path=await asyncio.to_thread(worker.desk.take, file.path, folder))
        except OSError as error:
            raise ConversionError(f"the rendition cannot be written: {error.strerror or error}") from error

    async def _call(self, work: Callable[[Worker], Awaitable[_T]], label: str) -> _T:
        """Do the work in some worker; once more, alone, if the worker did not live through it."""
        if not self._open:
            raise UnavailableError("the workers are not running: use them as an async context manager")
        try:
            async with self._slots:
                return await self._try(work, label)
        except _LostError:
            pass
        # It may have been another job, or the machine's want of memory, that ended the first worker.
        async with self._alone:
            for _ in range(self._count):
                await self._slots.acquire()
            try:
                for worker in tuple(self._idle):
                    self._idle.remove(worker)
                    await self._put_back(worker, kept=False)
                return await self._try(work, label)
            except _LostError as error:
                raise ContentRefusedError(f"{label}: {error}") from None
            finally:
                for _ in range(self._count):
                    self._slots.release()

    async def _try(self, work: Callable[[Worker], Awaitable[_T]], label: str) -> _T:
        """Do the work in a worker that is free; raises _LostError if that was the end of it."""
        worker = await self._take()
        kept = False
        try:
            async with asyncio.timeout(self.limits.wall_seconds):
                result = await work(worker)
            kept = True
            return result
        except TimeoutError:
            raise _LostError(f"exceeded its limit of {self.limits.wall_seconds:g} seconds") from None
        except WorkerLostError:
            raise _LostError(await self._cause_of_death(worker)) from None
        except (ValueError, BoundExceededError):
            raise _LostError("its worker talked nonsense") from None
        except WorkerSaidError as said:
            if said.is_spent:
                raise _LostError(said.message) from None
            kept = True
            raise said.as_refusal() from None
        finally:
            await self._put_back(worker, kept=kept and worker.jobs < JOBS_A_WORKER.value)

    async def _start(self) -> Worker:
        package_root = Path(conneg.__file__).parents[1]
        desk = await asyncio.to_thread(Desk, self._scratch)
        orders = Orders(self.limits, desk.documents, desk.results, self._layers)
        command = [*self._command, json.dumps(orders.as_json())]
        bwrap = await asyncio.to_thread(bubblewrap.program) if "bubblewrap" in self._layers else None
        if bwrap is not None:
            command = bubblewrap.command(
                bwrap,
                command,
                readable=[*readable_paths(), package_root],
                documents=desk.documents,
                results=desk.results,
            )
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=desk.results,
                env=environment(str(package_root), str(desk.results)),
                start_new_session=True,
            )
        except OSError as error:
            desk.remove()
            raise UnavailableError(f"no worker process can be started: {error}") from error
        worker = Worker(process, desk, is_wrapped=bwrap is not None)
        self._all.add(worker)
        return worker

    async def _take(self) -> Worker:
        """Return a worker that is ready; raises UnavailableError when none starts."""
        worker = self._idle.pop() if self._idle else await self._start()
        while not worker.is_alive:
            await self._put_back(worker, kept=False)
            worker = self._idle.pop() if self._idle else await self._start()
        try:
            async with asyncio.timeout(START_SECONDS):
                fence = await worker.ready()
        except BaseException as error:
            await self._put_back(worker, kept=False)
            if isinstance(error, TimeoutError | WorkerLostError | ValueError | BoundExceededError):
                raise UnavailableError(f"a worker process does not start: {worker.last_words}") from None
            raise
        if fence is not None:
            self._fence = fence
        return worker

    async def _put_back(self, worker: Worker, *, kept: bool) -> None:
        if kept and self._open:
            await asyncio.to_thread(worker.desk.clear)
            self._idle.append(worker)
            return
        self._all.discard(worker)
        await worker.kill()

    async def _cause_of_death(self, worker: Worker) -> str:
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


def _tell_of(tell: Callable[[int, int], None], part: int, done: int, total: int) -> None:
    tell(part, done)


def _paths_of(sources: Iterable[Source]) -> list[Path]:
    """Return all files that a worker needs for these documents."""
    return [path for source in sources for path in (source.path, *(inline for _, inline in source.inline))]


def _moved(source: Source, laid: Mapping[Path, Path]) -> Source:
    """Return the document with its files where the worker finds them."""
    inline = tuple((content_id, laid[path]) for content_id, path in source.inline)
    return replace(source, path=laid[source.path], inline=inline)


def _gaps(fence: Fence | None) -> str:
    """Say what nothing fences off."""
    if fence is None:
        return "no worker says what holds"
    gaps = [danger for danger in ("network", "files", "processes") if not getattr(fence, danger)]
    return f"nothing keeps them from {' and '.join(gaps)}"


def _trusted(read: Callable[[], _T], label: str) -> _T:
    """Return what `read` makes of a worker's result; a result of the wrong form is a refusal."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ContentRefusedError(f"{label}: its worker talked nonsense") from error


class _LostError(Exception):
    """A job was the end of its worker; the text says how."""
