"""Readers behind the fence of a worker: what they load, open and draw there is what they need."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from conneg.content import formats
from conneg.content.conversion import ConversionJob
from conneg.content.source import Source
from conneg.content.workers import Workers
from conneg.features import collection
from tests.content import samples

PNG = '(& (type="image/png") (color=Full) (color-levels=16777216) (pix-x=300) (pix-y=400))'
TEXT = '(& (type="text/plain") (charset=utf-8))'
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="3in" height="1in">'
    b'<rect width="90" height="50" fill="red"/><text x="10" y="80">Hello</text></svg>'
)


def svg(tmp_path: Path) -> Source:
    if not formats.can_read("image/svg+xml"):
        pytest.skip("needs resvg-py")
    return samples.source(samples.save(tmp_path / "a.svg", SVG))


def html(tmp_path: Path) -> Source:
    markup = b"<h1>Heading</h1><table border=1><tr><td>a</td><td>b</td></tr></table>"
    return samples.source(samples.save(tmp_path / "a.html", markup), "text/html")


def text(tmp_path: Path) -> Source:
    words = "Hello, שלום, مرحبا, 日本".encode()
    return samples.source(samples.save(tmp_path / "a.txt", words), "text/plain", "utf-8")


def pdf(tmp_path: Path) -> Source:
    return samples.source(samples.save(tmp_path / "a.pdf", samples.form_pdf(b"filled")))


def bmp(tmp_path: Path) -> Source:
    samples.photo(300, 200).save(tmp_path / "a.bmp")
    return samples.source(tmp_path / "a.bmp")


def jpeg_2000(tmp_path: Path) -> Source:
    samples.photo(300, 200).save(tmp_path / "a.jp2")
    return samples.source(tmp_path / "a.jp2")


@pytest.mark.parametrize("make", [svg, html, text, pdf, bmp, jpeg_2000])
def test_a_document_is_inspected_and_drawn_by_a_worker(
    tmp_path: Path, make: Callable[[Path], Source]
) -> None:
    source = make(tmp_path)

    async def use() -> None:
        async with Workers(1) as workers:
            inspection = await workers.inspect(source)
            assert inspection.problem is None
            assert len(inspection.pages) == 1
            (picture,) = (
                await workers.convert(ConversionJob((source,), collection(PNG), tmp_path, "a"))
            ).files
            assert (
                await workers.verify(
                    picture.path, "image/png", PNG.replace("=300", "<=300").replace("=400", "<=400")
                )
                == ()
            )
            if inspection.text_charset is not None:
                (words,) = (
                    await workers.convert(ConversionJob((source,), collection(TEXT), tmp_path, "t"))
                ).files
                assert words.charset == "utf-8"
                assert await workers.verify(words.path, "text/plain", TEXT) == ()

    asyncio.run(use())
