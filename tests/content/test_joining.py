"""Pages made in several workers and put together: the same octets as if one worker had made them all."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from conneg.content.conversion import ConversionJob, can_be_divided, convert
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.fence import WorkerLimits
from conneg.content.source import ReadLimits
from conneg.content.tiff.joining import join
from conneg.content.workers import SPAN_PAGES, Workers
from conneg.features import collection
from tests.content import samples
from tests.peers.programs import find

FAX = (
    '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (image-coding={coding}) (color=Binary) (MRC-mode=0)'
    " (dpi=204) (dpi-xyratio=204/98) (size-x=2150/254) (paper-size=A4))"
)
COLOUR = (
    '(& (type="image/tiff-fx") (image-file-structure=TIFF-limited) (image-coding=JPEG) (color=Full) (MRC-mode=0)'
    " (image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (dpi=100) (dpi-xyratio=1) (size-x=2150/254)"
    " (paper-size=A4))"
)
TARGETS = {coding: FAX.format(coding=coding) for coding in ("MH", "MR", "MMR")} | {"JPEG": COLOUR}


def document(folder: Path, pages: int) -> Path:
    contents = [
        b"BT /F1 %d Tf 72 720 Td (Page %d) Tj ET 1 0 0 rg 90 90 %d 70 re f"
        % (9 + number % 5, number, 30 + number)
        for number in range(pages)
    ]
    return samples.save(folder / "document.pdf", samples.pdf(contents))


def at_once(source: Path, target: str, folder: Path) -> bytes:
    folder.mkdir()
    job = ConversionJob((samples.source(source),), collection(target), folder, "whole")
    (file,) = convert(job, ReadLimits()).files
    return file.path.read_bytes()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("places", [(0, 5), (0, 1, 5), (0, 2, 4, 5), (0, 1, 2, 3, 4, 5)])
def test_the_octets_are_those_of_one_file(target: str, places: tuple[int, ...], tmp_path: Path) -> None:
    source = document(tmp_path, 5)
    parts = []
    for part, span in enumerate(pairwise(places)):
        job = ConversionJob(
            (samples.source(source),), collection(target), tmp_path, f"part-{part}", span=span
        )
        (file,) = convert(job, ReadLimits()).files
        assert file.pages == span[1] - span[0]
        parts.append(file.path)
    assert join(parts, tmp_path / "joined") == 5
    assert (tmp_path / "joined").read_bytes() == at_once(source, target, tmp_path / "whole")


def test_spans_go_across_documents(tmp_path: Path) -> None:
    """Three documents of two pages; a span that begins in the first and ends in the last."""
    (tmp_path / "a").mkdir()
    source = samples.source(document(tmp_path / "a", 2))
    target = collection(TARGETS["MMR"])
    whole = ConversionJob((source,) * 3, target, tmp_path, "whole")
    (expected,) = convert(whole, ReadLimits()).files
    parts = []
    for part, span in enumerate([(0, 1), (1, 5), (5, 6)]):
        job = ConversionJob((source,) * 3, target, tmp_path, f"part-{part}", span=span)
        parts += [file.path for file in convert(job, ReadLimits()).files]
    join(parts, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == expected.path.read_bytes()


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"no TIFF at all",
        b"II*\0\x08\0\0\0",
        b"II*\0\x08\0\0\0\1\0" + bytes(30),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(99),
    ],
)
def test_what_is_no_part_is_refused(octets: bytes, tmp_path: Path) -> None:
    part = samples.save(tmp_path / "part", octets)
    with pytest.raises(ConversionError, match="no TIFF file that was made here"):
        join([part], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_part_that_goes_round_in_circles_ends(tmp_path: Path) -> None:
    octets = bytearray(at_once(document(tmp_path, 1), TARGETS["MH"], tmp_path / "whole"))
    count = int.from_bytes(octets[8:10], "little")
    octets[10 + 12 * count : 14 + 12 * count] = (8).to_bytes(4, "little")
    with pytest.raises(ConversionError):
        join([samples.save(tmp_path / "part", bytes(octets))], tmp_path / "joined")


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (TARGETS["MMR"], True),
        (COLOUR, True),
        ('(& (type="image/tiff") (color=Binary) (size-y=11))', False),
        ('(& (type="image/tiff-fx") (MRC-mode=1))', False),
        ('(type="image/png")', False),
        ('(type="application/pdf")', False),
    ],
)
def test_what_can_be_divided(target: str, answer: bool) -> None:
    assert can_be_divided(collection(target)) is answer


@pytest.mark.parametrize("pages", [2 * SPAN_PAGES - 1, 2 * SPAN_PAGES, 2 * SPAN_PAGES + 3])
def test_workers_share_a_long_document(pages: int, tmp_path: Path) -> None:
    source = document(tmp_path, pages)
    out = tmp_path / "out"
    out.mkdir()
    told: list[tuple[int, int]] = []
    job = ConversionJob((samples.source(source),), collection(TARGETS["MMR"]), out, "fax", pages=pages)

    async def main() -> list[str]:
        async with Workers(2) as workers:
            rendition = await workers.convert(job, lambda done, total: told.append((done, total)))
            used = sum(worker.jobs > 0 for worker in workers._all)
            assert used == (2 if pages >= 2 * SPAN_PAGES else 1)
            (file,) = rendition.files
            assert (file.pages, file.filename, file.path) == (pages, "fax.tif", out / "fax.tif")
            return list(await workers.verify(file.path, file.media_type, TARGETS["MMR"]))

    assert asyncio.run(main()) == []
    assert (out / "fax.tif").read_bytes() == at_once(source, TARGETS["MMR"], tmp_path / "whole")
    assert told[-1] == (pages, pages)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert [path.name for path in out.iterdir()] == ["fax.tif"]


def test_a_part_that_cannot_be_made_is_the_document_s_refusal(tmp_path: Path) -> None:
    source = document(tmp_path, 20)
    job = ConversionJob((samples.source(source),), collection(TARGETS["MMR"]), tmp_path, "fax", pages=20)

    async def main() -> None:
        async with Workers(2, WorkerLimits(pages=10)) as workers:
            with pytest.raises(ContentRefusedError, match="20 pages"):
                await workers.convert(job)
            assert (await workers.inspect(samples.source(document(tmp_path, 1)))).problem is None

    asyncio.run(main())


@pytest.mark.system
def test_libtiff_reads_what_was_joined(tmp_path: Path) -> None:
    import subprocess

    tiffinfo = find("tiffinfo")
    source = document(tmp_path, 3)
    parts = []
    for part, span in enumerate([(0, 2), (2, 3)]):
        job = ConversionJob(
            (samples.source(source),), collection(TARGETS["MR"]), tmp_path, f"part-{part}", span=span
        )
        parts += [file.path for file in convert(job, ReadLimits()).files]
    join(parts, tmp_path / "joined.tif")
    done = subprocess.run(
        [tiffinfo, "-D", tmp_path / "joined.tif"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert [line.strip() for line in done.stdout.splitlines() if "Page Number" in line] == [
        "Page Number: 0-3",
        "Page Number: 1-3",
        "Page Number: 2-3",
    ]
