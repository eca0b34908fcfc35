"""`workers`: pages of one document a second, made by two workers and by one."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from . import machine, ours
from .model import Benchmark, Contestant
from .textpdf import write_text_pdf

PAGES = 600


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """A text PDF of 600 pages to MMR at 204 x 196."""
    source = scratch / "text.pdf"
    write_text_pdf(source, PAGES)
    version = machine.package_version("conneg")
    return Benchmark(
        name="workers",
        title=f"A text PDF of {PAGES} pages to MMR at 204 x 196 dpi, behind the fence",
        unit="pages/s",
        contestants=(
            Contestant("two workers", version, _rate(source, 2), ours=True),
            Contestant("one worker", version, _rate(source, 1)),
        ),
        notes=(
            "workers are started before the clock is; the pages are put together in one file, which counts",
        ),
        wanted={"one worker": 1.8},
    )


def _rate(source: Path, count: int) -> Callable[[], float]:
    return lambda: asyncio.run(_convert(source, count))


async def _convert(source: Path, count: int) -> float:
    from conneg.content import ConversionJob, Source, WorkerLimits, Workers
    from conneg.features import collection

    document = Source(source, "application/pdf")
    with tempfile.TemporaryDirectory() as folder:
        job = ConversionJob((document,), collection(ours.FAX_PAGE), Path(folder), "fax", pages=PAGES)
        async with Workers(count, WorkerLimits(pages=PAGES)) as workers:
            await asyncio.gather(
                *(workers.inspect(Source(Path(__file__), "text/plain")) for _ in range(count))
            )
            began = time.perf_counter()
            rendition = await workers.convert(job)
            seconds = time.perf_counter() - began
    assert sum(file.pages for file in rendition.files) == PAGES
    return PAGES / seconds
