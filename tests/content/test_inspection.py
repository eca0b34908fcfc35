"""What a document is: by content, page by page, with features as fax-schema section 6 derives them."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conneg.content.inspection import Inspection, inspect
from conneg.content.source import UNKNOWN_TYPE, ReadLimits, recognise
from tests.content import samples
from tests.fuzz.fuzz_inspection import fuzz_one

LIMITS = ReadLimits(pages=20, pixels=5_000_000)


def look(path: Path, declared_type: str = "application/octet-stream") -> Inspection:
    return inspect(samples.source(path, declared_type), LIMITS)


@pytest.mark.parametrize(
    ("head", "declared_type", "media_type"),
    [
        (b"%PDF-1.7\n", "text/plain", "application/pdf"),
        (b"\r\n\r\n%PDF-1.7\n\x00", "", "application/pdf"),
        (b"II*\x00\x08\x00\x00\x00", "image/jpeg", "image/tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "", "image/tiff"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/png", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt \x00", "", UNKNOWN_TYPE),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "", "image/heic"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00", "", "image/avif"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "", "image/heic"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avifmif1", "", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00", "video/mp4", UNKNOWN_TYPE),
        (b"GIF89a\x01\x00", "", "image/gif"),
        (b"hello\r\n", "application/octet-stream", "text/plain"),
        (b"", "text/plain", "text/plain"),
        (b"\xff\xfeh\x00i\x00", "", "text/plain"),
        (b"<!DOCTYPE html><p>", "text/plain", "text/html"),
        (b"<p>hello", "text/html", "text/html"),
        (b"PK\x03\x04\x14\x00\x00", "application/zip", UNKNOWN_TYPE),
    ],
)
def test_the_content_decides_what_a_file_is(head: bytes, declared_type: str, media_type: str) -> None:
    assert recognise(head, declared_type) == media_type


def test_a_profile_s_fax_is_described_tag_by_tag(tmp_path: Path) -> None:
    """fax-schema section 6, with the line length in 254ths and 1146 lines as the A4 length that they stand for."""
    inspection = look(samples.fax_tiff(tmp_path / "fax.tif", pages=2), "image/tiff")
    assert inspection.problem is None
    assert len(inspection.pages) == 2
    for term in (
        '(type="image/tiff")',
        "(color=Binary)",
        "(image-coding=MH)",
        "(dpi=204)",
        "(dpi-xyratio=204/98)",
        "(size-x=2150/254)",
        f"(size-y={Fraction(2970, 254)})",
        "(paper-size=A4)",
        "(MRC-mode=0)",
        "(pix-x=1728)",
        "(pix-y=1146)",
    ):
        assert term in inspection.features
    assert inspection.features.count("image/tiff") == 1  # both pages are of one kind


@pytest.mark.parametrize(
    ("compression", "coding"),
    [("group3", "MH"), ("group4", "MMR"), ("tiff_lzw", "LZW"), ("packbits", "PackBits"), (None, "none")],
)
def test_a_coding_is_always_named_so_that_no_receiver_takes_it_by_silence(
    tmp_path: Path, compression: str | None, coding: str
) -> None:
    path = tmp_path / "a.tif"
    samples.fax_page().save(path, compression=compression, dpi=(204, 98))
    assert f"(image-coding={coding})" in look(path).features


def test_mr_is_told_from_mh_by_t4options(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    samples.fax_page().save(path, compression="group3", dpi=(204, 98), tiffinfo={292: 1})
    assert "(image-coding=MR)" in look(path).features


@pytest.mark.parametrize(
    ("width", "term"),
    [(2048, "(paper-size=B4)"), (2432, "(paper-size=A3)"), (1728, "(paper-size=A4)")],
)
def test_the_width_says_the_paper(tmp_path: Path, width: int, term: str) -> None:
    path = tmp_path / "a.tif"
    samples.fax_page(width).save(path, compression="group4", dpi=(204, 98))
    assert term in look(path).features


def test_pages_that_differ_are_joined_by_or(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    samples.fax_page().save(
        path, compression="group4", dpi=(204, 98), save_all=True, append_images=[samples.fax_page(2048)]
    )
    features = look(path).features
    assert features.startswith("(| (&")
    assert "(pix-x=1728)" in features
    assert "(pix-x=2048)" in features


def test_an_image_is_described_by_its_pixels_colour_and_stated_resolution(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    samples.photo().save(path, dpi=(300, 300))
    inspection = look(path, "image/png")
    assert inspection.media_type == "image/jpeg"
    assert inspection.declared_type == "image/png"
    assert not inspection.lossless
    assert inspection.features == (
        '(& (type="image/jpeg") (pix-x=800) (pix-y=600) (dpi=300) (dpi-xyratio=1) (color=Full)'
        " (image-coding=JPEG) (image-file-structure=none))"
    )


def test_a_pdf_says_colour_only_where_a_receiver_could_not_show_it(tmp_path: Path) -> None:
    black = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE]))
    red = samples.save(tmp_path / "b.pdf", samples.pdf([samples.RED_PAGE]))
    assert look(black).features == '(& (type="application/pdf") (image-file-structure=none))'
    assert look(red).features == '(& (type="application/pdf") (color=Full) (image-file-structure=none))'


def test_kinds_of_text_keep_their_declared_type(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.csv", b"a,b\r\n1,2\r\n")
    assert look(path, "text/csv").features == '(type="text/csv")'
    assert look(path, "application/x-csv").media_type == "text/plain"


def test_what_nobody_reads_keeps_its_declared_type_and_has_a_problem(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.zip", b"PK\x03\x04\x14\x00\x00\x00")
    inspection = look(path, "application/zip")
    assert inspection.features == '(type="application/zip")'
    assert inspection.pages == ()
    assert inspection.problem is not None
    assert "no reader" in inspection.problem


def test_a_declared_type_that_is_none_cannot_break_the_expression(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.bin", b"\x00\x01\x02")
    assert look(path, 'x/y")(color=Full').features == '(type="application/octet-stream")'


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (samples.encrypted_pdf(), "encrypted"),
        (b"%PDF-1.7 and nothing more", "damaged"),
        (samples.png_header_bomb(), "pixels"),
        (samples.pdf([b""] * 21), "21 pages, more than 20"),
        (b"II*\x00\xff\xff\xff\x7f", "no page"),
    ],
)
def test_hostile_and_damaged_documents_have_a_problem_in_one_line(
    tmp_path: Path, octets: bytes, words: str
) -> None:
    inspection = look(samples.save(tmp_path / "a.bin", octets))
    assert inspection.problem is not None
    assert words in inspection.problem
    assert "\n" not in inspection.problem
    assert inspection.pages == ()


def test_a_file_that_is_gone_has_a_problem(tmp_path: Path) -> None:
    assert "cannot be read" in str(look(tmp_path / "gone", "image/png").problem)


def test_an_inspection_survives_json(tmp_path: Path) -> None:
    for path in (samples.fax_tiff(tmp_path / "fax.tif"), samples.save(tmp_path / "a.txt", b"hello")):
        inspection = look(path)
        assert Inspection.from_json(inspection.to_json()) == inspection


@pytest.mark.parametrize("suffix", ["TIFF", "PNG", "JPEG", "WEBP", "GIF"])
def test_a_stated_resolution_of_nothing_is_none(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "a"
    Image.new("RGB", (300, 200), (200, 10, 10)).save(path, format=suffix, dpi=(1, 1))
    page = look(path).pages[0]
    assert page.width_inches == Fraction(300, 96)


@given(st.binary(max_size=600))
def test_no_octets_make_inspection_fail(data: bytes) -> None:
    fuzz_one(data)


@given(
    st.sampled_from(
        [b"%PDF-1.4\n", b"II*\x00\x08\x00\x00\x00", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"]
    ),
    st.binary(max_size=300),
)
def test_no_octets_behind_a_known_beginning_make_inspection_fail(head: bytes, data: bytes) -> None:
    fuzz_one(head + data)
