"""Hostile documents through real workers: bombs, and thousands of files with something broken in them.

Each is answered by an inspection, a rendition or a refusal in one line, within the limits; nothing is written anywhere
else, and the next document finds the pool as it was.
"""

import asyncio
import io
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conneg.content.conversion import ConversionJob
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import WorkerLimits
from conneg.content.formats import can_read
from conneg.content.source import Source
from conneg.content.workers import Workers
from conneg.features import collection
from tests.content import samples
from tests.content.bombs import BOMBS
from tests.fuzz.__main__ import mutate

FILES = int(os.environ.get("CONNEG_HOSTILE_FILES", "30"))
"""How many broken files of each format; the whole suite makes some hundreds, a long run thousands."""

LIMITS = WorkerLimits(
    memory_octets=768 << 20,
    cpu_seconds=4,
    wall_seconds=5,
    pages=50,
    pixels=16_000_000,
    output_octets=32 << 20,
)
FAX = collection(
    '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (image-coding=MMR) (color=Binary) (MRC-mode=0)'
    " (dpi=204) (dpi-xyratio=204/98) (size-x=2150/254) (paper-size=A4))"
)


async def handle(workers: Workers, source: Source, out: Path) -> str:
    """Inspect and convert; return how that ended, in one line."""
    try:
        inspection = await workers.inspect(source)
        if inspection.problem is not None:
            return inspection.problem
        rendition = await workers.convert(ConversionJob((source,), FAX, out, "page"))
    except (ContentRefusedError, ConversionError) as error:
        return str(error)
    return f"{len(rendition.files)} files"


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path) -> None:
    build, media_type = BOMBS[name]
    if not can_read(media_type):
        pytest.skip(f"{media_type} is not read here")
    folder, scratch, out = tmp_path / "in", tmp_path / "scratch", tmp_path / "out"
    for made in (folder, scratch, out):
        made.mkdir()
    bomb, text = samples.save(folder / "bomb", build()), samples.save(folder / "text", b"hello")

    async def main() -> tuple[str, str]:
        async with Workers(1, LIMITS, scratch) as workers:
            ended = await handle(workers, Source(bomb, media_type, name=name), out)
            return ended, await handle(workers, Source(text, "text/plain"), out)

    began = time.monotonic()
    ended, after = asyncio.run(main())
    assert time.monotonic() - began < 6 * LIMITS.wall_seconds + 20, "two jobs, each tried twice"
    assert ended
    assert "\n" not in ended
    assert "Traceback" not in ended
    assert after == "1 files"
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == ["bomb", "text"]


def formats() -> Iterator[tuple[str, str, bytes]]:
    """A good document of each format that is read."""
    yield "pdf", "application/pdf", samples.pdf([b"BT /F1 12 Tf 100 700 Td (Hello) Tj ET"])
    yield "form", "application/pdf", samples.form_pdf(b"(filled)")
    picture = samples.photo(64, 48)
    for kind, media_type in (
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
        ("AVIF", "image/avif"),
        ("TIFF", "image/tiff"),
    ):
        if can_read(media_type):
            out = io.BytesIO()
            picture.save(out, kind)
            yield kind.lower(), media_type, out.getvalue()
    out = io.BytesIO()
    samples.fax_page(1728, 60).save(out, "TIFF", compression="group4")
    yield "mmr", "image/tiff", out.getvalue()
    yield (
        "svg",
        "image/svg+xml",
        b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0L9 9"/><text>a</text></svg>',
    )
    yield "html", "text/html", b"<html><h1>Hello</h1><table><tr><td>a<td>b</table><img src='cid:x'></html>"
    yield "text", "text/plain", "Grüße, שלום\tworld\r\n".encode() * 20


@pytest.mark.parametrize(
    ("name", "media_type", "good"), [pytest.param(*each, id=each[0]) for each in formats()]
)
def test_broken_files(name: str, media_type: str, good: bytes, tmp_path: Path) -> None:
    if not can_read(media_type):
        pytest.skip(f"{media_type} is not read here")
    source = random.Random(name)
    out = tmp_path / "out"
    out.mkdir()
    paths = [samples.save(tmp_path / f"{number}", mutate(good, source)) for number in range(FILES)]

    async def main() -> list[str]:
        async with Workers(2, LIMITS) as workers:

            async def one(number: int, path: Path) -> str:
                folder = out / str(number)
                folder.mkdir()
                return await handle(workers, Source(path, media_type, name=name), folder)

            return await asyncio.gather(*(one(number, path) for number, path in enumerate(paths)))

    ended = asyncio.run(main())
    assert len(ended) == FILES
    assert all(line and "\n" not in line and "Traceback" not in line for line in ended)
