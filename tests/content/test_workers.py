"""The pool: workers that die, hang, grow or lie are replaced, and the next call works."""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from conneg.bounds import Bound
from conneg.content import workers as pool
from conneg.content.conversion import ConversionJob
from conneg.content.errors import ContentRefusedError
from conneg.content.fence import WorkerLimits
from conneg.content.source import Source
from conneg.content.wire import MAX_MESSAGE, encode, read_message, write_message
from conneg.content.workers import Workers
from conneg.errors import BoundExceededError, UnavailableError
from conneg.features import collection
from tests.content import samples

ROOT = Path(__file__).parents[2]
BAD = (
    sys.executable,
    "-P",
    "-c",
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.content.misbehaving import main; main()",
)
T = TypeVar("T")
LAYERS = ("namespace", "landlock", "seccomp")
"""Without bubblewrap, in which every worker has the same process id."""


def run(
    use: Callable[[Workers], Awaitable[T]],
    *,
    limits: WorkerLimits | None = None,
    count: int = 1,
    command: Sequence[str] = BAD,
    layers: Sequence[str] = LAYERS,
) -> T:
    async def main() -> T:
        limited = limits or WorkerLimits(wall_seconds=20)
        async with Workers(count, limited, layers=layers, command=command) as workers:
            return await use(workers)

    return asyncio.run(main())


def bad(how: str) -> Source:
    return Source(Path(__file__), "text/plain", name=how)


async def process_id(workers: Workers) -> str:
    return (await workers.inspect(bad("well"))).media_type


@pytest.mark.parametrize(
    ("how", "limits", "answer"),
    [
        ("hang", WorkerLimits(wall_seconds=0.2), r"hang: exceeded its limit of 0\.2 seconds"),
        ("spin", WorkerLimits(cpu_seconds=0), "spin: exceeded its limit of 0 seconds of processor time"),
        ("grow", WorkerLimits(memory_octets=1 << 30), "out of memory"),
        ("crash", WorkerLimits(), r"crash: its worker crashed \(SIGSEGV\)"),
        ("exit", WorkerLimits(), r"exit: its worker ended without an answer \(status 3\)"),
        ("babble", WorkerLimits(), "babble: its worker talked nonsense"),
        ("boast", WorkerLimits(), "boast: its worker talked nonsense"),
        ("lie", WorkerLimits(), "lie: its worker talked nonsense"),
    ],
)
def test_a_worker_that_misbehaves_ends_in_a_refusal_and_the_next_call_works(
    how: str, limits: WorkerLimits, answer: str
) -> None:
    async def use(workers: Workers) -> tuple[str, str]:
        before = await process_id(workers)
        with pytest.raises(ContentRefusedError, match=answer):
            await workers.inspect(bad(how))
        return before, await process_id(workers)

    before, after = run(use, limits=limits)
    assert int(after) > 0
    assert how == "lie" or before != after


def test_a_worker_is_reused_until_it_has_done_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "JOBS_A_WORKER", Bound("content.worker-jobs", 2, "jobs", "", ""))

    async def use(workers: Workers) -> list[str]:
        return [await process_id(workers) for _ in range(4)]

    first, second, third, fourth = run(use)
    assert first == second != third == fourth


def test_calls_run_at_the_same_time_up_to_the_count_and_the_rest_wait() -> None:
    async def use(workers: Workers) -> list[str]:
        return list(await asyncio.gather(*(process_id(workers) for _ in range(8))))

    assert 1 <= len(set(run(use, count=2))) <= 2


def test_cancelling_a_call_kills_its_worker_and_frees_its_place() -> None:
    async def use(workers: Workers) -> tuple[str, str]:
        before = await process_id(workers)
        call = asyncio.create_task(workers.inspect(bad("hang")))
        while not workers._all or workers._idle:  # until the call has its worker
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return before, await process_id(workers)

    before, after = run(use)
    assert before != after


def test_workers_that_are_not_running_say_so() -> None:
    async def main() -> None:
        await Workers().inspect(bad("well"))

    with pytest.raises(UnavailableError, match="not running"):
        asyncio.run(main())


def test_a_program_that_does_not_start_says_why() -> None:
    with pytest.raises(UnavailableError, match=r"does not start: .*no such luck"):
        run(process_id, command=(sys.executable, "-c", "raise SystemExit('no such luck')"))
    with pytest.raises(UnavailableError, match="no worker process can be started"):
        run(process_id, command=("/nonexistent/program",))


def jobs_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_ended_its_worker_is_tried_once_more(tmp_path: Path) -> None:
    async def use(workers: Workers) -> str:
        return (await workers.inspect(bad(f"crash-once {tmp_path / 'tried'}"))).media_type

    assert run(use, layers=()) == "lived"
    assert jobs_in(tmp_path) == ["tried"]


@pytest.mark.parametrize("how", ["hang", "crash", "grow", "exit"])
def test_it_is_tried_twice_and_no_more(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    ask = pool.Worker.ask

    async def count(worker: Any, request: Any, progress: Any = None) -> Any:
        attempts.append(request["source"]["name"])
        return await ask(worker, request, progress)

    monkeypatch.setattr(pool.Worker, "ask", count)

    async def use(workers: Workers) -> None:
        with pytest.raises(ContentRefusedError):
            await workers.inspect(bad(how))

    run(use, limits=WorkerLimits(wall_seconds=1, memory_octets=1 << 30))
    assert attempts == [how, how]


def test_what_a_document_is_refused_for_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[object] = []
    ask = pool.Worker.ask

    async def count(worker: Any, request: Any, progress: Any = None) -> Any:
        attempts.append(request)
        return await ask(worker, request, progress)

    monkeypatch.setattr(pool.Worker, "ask", count)
    source = samples.source(samples.save(tmp_path / "a.pdf", b"%PDF-1.4 nothing else"))
    job = ConversionJob((source,), collection('(type="application/pdf")'), tmp_path, "x")

    async def use(workers: Workers) -> None:
        with pytest.raises(ContentRefusedError):
            await workers.convert(job)

    run(use, command=())
    assert len(attempts) == 1


def test_the_second_try_is_alone() -> None:
    """Others wait meanwhile, and go on when it is over."""
    seen: list[int] = []

    async def use(workers: Workers) -> None:
        async def watch() -> None:
            while True:
                if workers._alone.locked() and not workers._idle:
                    seen.append(len(workers._all))
                await asyncio.sleep(0.005)

        watching = asyncio.create_task(watch())
        calls = [workers.inspect(bad("well")) for _ in range(6)]
        results = await asyncio.gather(workers.inspect(bad("hang")), *calls, return_exceptions=True)
        watching.cancel()
        assert isinstance(results[0], ContentRefusedError)
        assert not any(isinstance(result, BaseException) for result in results[1:])

    run(use, count=3, limits=WorkerLimits(wall_seconds=1))
    assert min(seen) <= 1


def test_no_process_is_left_behind() -> None:
    async def use(workers: Workers) -> list[asyncio.subprocess.Process]:
        await process_id(workers)
        return [worker._process for worker in workers._all]

    processes = run(use, count=2)
    assert len(processes) == 2
    assert all(process.returncode is not None for process in processes)


def test_messages_are_bounded_both_ways() -> None:
    stream = io.BytesIO()
    write_message(stream, {"a": [1, "é"]})
    stream.seek(0)
    assert read_message(stream) == {"a": [1, "é"]}
    assert read_message(io.BytesIO(b"\x00\x00\x00\x09{}")) is None
    with pytest.raises(BoundExceededError):
        encode({"a": "x" * MAX_MESSAGE.value})
    with pytest.raises(BoundExceededError):
        read_message(io.BytesIO(b"\xff\xff\xff\xff"))


# The real worker program from here on


def test_the_real_worker_inspects_what_comes(tmp_path: Path) -> None:
    text = samples.save(tmp_path / "a.txt", b"hello")
    bomb = samples.save(tmp_path / "bomb.png", samples.png_header_bomb())

    async def use(workers: Workers) -> None:
        good, refused, again = await asyncio.gather(
            *(workers.inspect(samples.source(path, "text/plain")) for path in (text, bomb, text))
        )
        assert (good.media_type, len(good.pages), good.problem) == ("text/plain", 1, None)
        assert refused.media_type == "image/png"
        assert refused.problem is not None
        assert "30000 by 30000 pixels" in refused.problem
        assert again == good

    run(use, count=2, command=())


def test_a_document_that_needs_too_much_memory_is_refused_and_the_next_call_works(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    samples.photo(100, 100).resize((7000, 7000)).save(path, compress_level=1)
    text = samples.save(tmp_path / "a.txt", b"hello")

    async def use(workers: Workers) -> None:
        with pytest.raises(ContentRefusedError, match=r"large\.png: .*(memory|crashed)"):
            await workers.inspect(samples.source(path))
        assert (await workers.inspect(samples.source(text, "text/plain"))).problem is None

    run(use, limits=WorkerLimits(memory_octets=280 << 20), command=())


def test_a_document_that_takes_too_long_is_refused_and_the_next_call_works(tmp_path: Path) -> None:
    heavy = b"0.1 w " + b"0 0 m 595 842 l 595 0 l 0 842 l 300 0 l 17 800 l b* " * 200_000
    path = samples.save(tmp_path / "heavy.pdf", samples.pdf([heavy]))
    text = samples.save(tmp_path / "a.txt", b"hello")

    async def use(workers: Workers) -> None:
        with pytest.raises(ContentRefusedError, match=r"heavy\.pdf: exceeded its limit"):
            await workers.inspect(samples.source(path))
        assert (await workers.inspect(samples.source(text, "text/plain"))).problem is None

    run(use, limits=WorkerLimits(cpu_seconds=2, wall_seconds=2.5), command=())
