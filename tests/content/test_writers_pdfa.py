"""PDF/A-2b: every PDF that is written is one. The file is taken apart by qpdf, its metadata and profile by exiftool.

The rules are those of ISO 19005-2, 6, for files like these; section numbers stand beside them.
"""

import json
import re
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conneg.content.page import Pixels, Raster
from conneg.content.writers import open_writer
from conneg.content.writers.pdfa import fitting
from conneg.features import collection
from tests.content import pages, programs

ALLOWED_FILTERS = {"/FlateDecode", "/DCTDecode", "/CCITTFaxDecode"}
FORBIDDEN_KEYS = {
    "/AA", "/OpenAction", "/JavaScript", "/JS", "/Launch", "/EmbeddedFiles", "/AcroForm", "/XFA", "/OCProperties",
    "/Encrypt", "/SMask", "/Group", "/Interpolate", "/Alternates", "/OPI", "/TR", "/TR2", "/HTP", "/PS", "/Ref",
    "/F", "/FFilter", "/FDecodeParms", "/PresSteps", "/Requirements", "/NeedsRendering", "/Annots",
}  # fmt: skip


def archive(tmp_path: Path, colour: str, *pixels: Pixels, dpi: int = 150) -> Path:
    writer = open_writer(
        collection(f'(& (type="application/pdf") (color={colour}))'), tmp_path, "archive", len(pixels)
    )
    for page in pixels:
        writer.add(Raster(page, Fraction(dpi), Fraction(dpi)))
    (file,) = writer.finish()
    return file.path


def objects_of(path: Path) -> dict[str, Any]:
    """Return all objects and the trailer as qpdf reads them."""
    told = programs.run("qpdf", "qpdf", "--json=2", "--json-stream-data=none", path)
    found: dict[str, Any] = json.loads(told)["qpdf"][1]
    return found


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {key for key in value if key.startswith("/")}.union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def problems_of(path: Path) -> list[str]:
    """Return what keeps the file from being PDF/A-2b."""
    octets, objects = path.read_bytes(), objects_of(path)
    trailer = objects["trailer"]["value"]
    catalogue = objects[f"obj:{trailer['/Root']}"]["value"]
    streams = [value["stream"] for value in objects.values() if "stream" in value]
    problems = []

    def demand(holds: bool, rule: str) -> None:
        if not holds:
            problems.append(rule)

    demand(re.match(rb"%PDF-1\.[0-7]\n%[\x80-\xff]{4,}\n", octets) is not None, "6.1.2: header and comment")
    demand(len(trailer.get("/ID", [])) == 2 and all(trailer["/ID"]), "6.1.3: file identifier")
    demand(octets.rstrip(b"\r\n").endswith(b"%%EOF"), "6.1.3: nothing after the end")
    demand(len(re.findall(rb"\nxref\n0 \d+\n", octets)) == 1, "6.1.4: cross-reference table")
    demand(
        len(re.findall(rb"\n\d+ 0 obj\n", octets)) == len(objects) - 1
        and octets.count(b"\nendobj\n") == len(objects) - 1,
        "6.1.9: line ends around objects",
    )
    demand(
        octets.count(b">>stream\n") == len(streams) and octets.count(b"\nendstream") == len(streams),
        "6.1.7.1: line ends around streams",
    )
    for stated in re.finditer(rb"/Length (\d+)>>stream\n", octets):
        demand(
            octets.startswith(b"\nendstream", stated.end() + int(stated[1])), "6.1.7.1: length of a stream"
        )
    for stream in streams:
        filters = stream["dict"].get("/Filter", [])
        demand({filters} <= ALLOWED_FILTERS if isinstance(filters, str) else not filters, "6.1.7.2: filters")
    used = keys_of([value.get("value", value.get("stream", {}).get("dict")) for value in objects.values()])
    demand(not used & FORBIDDEN_KEYS, f"6.1 to 6.5: forbidden keys {sorted(used & FORBIDDEN_KEYS)}")

    metadata = objects[f"obj:{catalogue['/Metadata']}"]["stream"]["dict"]
    demand(
        (metadata["/Type"], metadata["/Subtype"]) == ("/Metadata", "/XML"),
        "6.6.2.1: metadata of the document",
    )
    demand("/Filter" not in metadata, "metadata can be found by any program")
    (intent,) = (objects[f"obj:{reference}"]["value"] for reference in catalogue["/OutputIntents"])
    demand(
        intent["/S"] == "/GTS_PDFA1" and intent["/OutputConditionIdentifier"] == "u:sRGB",
        "6.2.3: output intent",
    )
    demand(
        objects[f"obj:{intent['/DestOutputProfile']}"]["stream"]["dict"]["/N"] == 3, "6.2.3: profile of RGB"
    )

    for page in (
        value["value"] for value in objects.values() if value.get("value", {}).get("/Type") == "/Page"
    ):
        demand(all(3 <= side <= 14_400 for side in page["/MediaBox"][2:]), "6.1.13: sides of a page")
        demand(set(page["/Resources"]) == {"/XObject"}, "6.2.2: resources are named by the page itself")
        image = objects[f"obj:{page['/Resources']['/XObject']['/I']}"]["stream"]["dict"]
        space = image["/ColorSpace"]
        base = space[1] if isinstance(space, list) else space
        demand(base in {"/DeviceRGB", "/DeviceGray"}, "6.2.4.3: colours that the output intent explains")
        demand(image["/BitsPerComponent"] in {1, 2, 4, 8, 16}, "6.2.8: bits a component")
    return problems


PAGES = [
    ("Full", (pages.drawing(), pages.colourful(300, 200), pages.text(400, 200))),
    ("Grey", (pages.photo(300, 200), pages.text(400, 200, shade=90))),
    ("Binary", (pages.text(400, 200), pages.photo(200, 100))),
]


@pytest.mark.judged("application/pdf, written", "qpdf")
@pytest.mark.system
@pytest.mark.parametrize(("colour", "pixels"), PAGES)
def test_every_pdf_is_pdf_a_2b(tmp_path: Path, colour: str, pixels: tuple[Pixels, ...]) -> None:
    path = archive(tmp_path, colour, *pixels)
    assert problems_of(path) == []
    assert b"No syntax or stream encoding errors" in programs.run("qpdf", "qpdf", "--check", path)


@pytest.mark.system
@pytest.mark.parametrize(
    ("old", "new", "section"),
    [
        (b"%\xe2\xe3\xcf\xd3", b"%abcd", "6.1.2"),
        (b"/ID[", b"/IX[", "6.1.3"),
        (b"/S/GTS_PDFA1", b"/S/GTS_PDFX1", "6.2.3"),
        (b"/Type/OutputIntent", b"/AA<<>>           ", "6.1 to 6.5"),
        (b"/DeviceRGB ", b"/DeviceXYZ ", "6.2.4.3"),
        (b"/Subtype/XML", b"/Subtype/XYZ", "6.6.2.1"),
    ],
)
def test_the_checker_finds_what_is_wrong(tmp_path: Path, old: bytes, new: bytes, section: str) -> None:
    path = archive(tmp_path, "Full", pages.drawing())
    octets = path.read_bytes()
    assert old in octets
    spoilt = tmp_path / "spoilt.pdf"
    spoilt.write_bytes(octets.replace(old, new, 1))
    assert len(old) == len(new), "else the table of objects would be wrong too"
    found = problems_of(spoilt)
    assert any(problem.startswith(section) for problem in found), found


@pytest.mark.judged("application/pdf, written", "exiftool")
@pytest.mark.system
def test_metadata_and_profile_are_what_exiftool_reads(tmp_path: Path) -> None:
    path = archive(tmp_path, "Full", pages.drawing())
    told = json.loads(programs.run("libimage-exiftool-perl", "exiftool", "-json", "-XMP:all", path))[0]
    assert (told["Part"], told["Conformance"], told["Format"]) == (2, "B", "application/pdf")
    objects = objects_of(path)
    (number,) = (
        key.removeprefix("obj:").removesuffix(" R").replace(" ", ",")
        for key, value in objects.items()
        if value.get("stream", {}).get("dict", {}).get("/N") == 3
    )
    profile = tmp_path / "srgb.icc"
    profile.write_bytes(
        programs.run("qpdf", "qpdf", f"--show-object={number}", "--filtered-stream-data", path)
    )
    told = json.loads(
        programs.run("libimage-exiftool-perl", "exiftool", "-json", "-ICC_Profile:all", profile)
    )[0]
    assert told["ColorSpaceData"].strip() == "RGB"
    assert told["ProfileClass"] == "Display Device Profile"
    assert told["ProfileVersion"] == "4.2.0"
    assert told["ProfileConnectionSpace"].strip() == "XYZ"


@pytest.mark.system
def test_colours_under_the_profile_are_those_of_srgb(tmp_path: Path) -> None:
    """ImageMagick converts from our profile to Ghostscript's sRGB: nothing changes by more than rounding."""
    from conneg.content.writers import pdfa

    profile = tmp_path / "ours.icc"
    profile.write_bytes(zlib.decompress(pdfa.profile_stream()))
    before, after = tmp_path / "before.png", tmp_path / "after.png"
    Image.fromarray(pages.colourful(200, 100)).save(before)
    srgb = programs.profile("srgb.icc")
    programs.run("imagemagick", "convert", before, "-strip", "-profile", profile, "-profile", srgb, after)
    change = np.asarray(Image.open(before)).astype(int) - np.asarray(Image.open(after).convert("RGB"))
    assert np.abs(change).max() <= 3


def test_the_same_pages_make_the_same_file(tmp_path: Path) -> None:
    one = archive(tmp_path, "Full", pages.drawing()).read_bytes()
    assert archive(tmp_path, "Full", pages.drawing()).read_bytes() == one


@pytest.mark.parametrize(
    ("sides", "fitted"),
    [
        ((595.0, 842.0), (595.0, 842.0)),
        ((28_800.0, 14_400.0), (14_400.0, 7_200.0)),
        ((1.0, 2.0), (3.0, 6.0)),
        ((1.0, 20_000.0), (3.0, 14_400.0)),
    ],
)
def test_the_sides_of_a_page_are_kept_within_what_pdf_a_has(
    sides: tuple[float, float], fitted: tuple[float, float]
) -> None:
    assert fitting(*sides) == pytest.approx(fitted)
