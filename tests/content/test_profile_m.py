"""Profile M: a page in layers comes back legible and alike, is right to the tag, and every broken rule is named."""

import asyncio
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from conneg.content import ConversionJob, Source, Workers, jbig
from conneg.content.codings import Coding, StripForm, encode
from conneg.content.conformance import verify_file
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.inspection import Inspection
from conneg.content.layers import take_apart
from conneg.content.offer import offer
from conneg.content.page import Frame, PageGeometry, Pixels
from conneg.content.paper import A4
from conneg.content.readers import open_document
from conneg.content.source import ReadLimits
from conneg.content.tiff import Directory, Field, FieldType, Tag, TiffContainer, read_structure
from conneg.content.tiff.tree import Leaf, tree_octets
from conneg.content.tiff_features import features_of_tiff
from conneg.content.writers import open_writer
from conneg.features import FeatureCollection, choose, collection, default_preference, feature_set, widen
from tests.content import pages, samples
from tests.system import lacking, require

LIMITS = ReadLimits(pages=20, pixels=30_000_000)
WIDTHS = {200: 1728, 300: 2592, 400: 3456}
K_6 = widen(
    feature_set(
        "(& (image-file-structure=TIFF-MRC) (MRC-mode<=1) (MRC-max-stripe-size>=0)"
        " (| (& (color=Binary) (image-coding=[MH,MR,MMR]) (| (& (dpi=204) (dpi-xyratio=[204/98,204/196]))"
        "      (& (dpi=200) (dpi-xyratio=[200/100,1])) (& (dpi=[300,400]) (dpi-xyratio=1))))"
        "    (& (color=full) (image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
        '      (color-subsampling=["1:1:1","4:1:1"]) (color-levels<=16777216) (color-space=CIELAB)'
        "      (color-illuminant=D50) (CIELAB-L-min>=0) (CIELAB-L-max<=100) (CIELAB-a-min>=-85) (CIELAB-a-max<=85)"
        "      (CIELAB-b-min>=-75) (CIELAB-b-max<=125) (dpi=[100,200,300,400]) (dpi-xyratio=1)))"
        " (size-x<=2550/254) (paper-size=[letter,A4,B4]) (ua-media=stationery))"
    )
)
"""A receiver of mixed raster content: RFC 2879, 4.6, without JBIG."""
ANY_LAYERS = feature_set("(image-file-structure=TIFF-MRC)")


def target(dpi: int = 200, coding: str = "JPEG", more: str = "") -> FeatureCollection:
    return collection(
        '(& (type="image/tiff-fx") (image-file-structure=TIFF-MRC) (MRC-mode=1) (MRC-max-stripe-size=256)'
        f" (image-coding={coding}) (color=Full) (color-levels=16777216) (color-space=CIELAB)"
        f" (dpi={dpi}) (dpi-xyratio=1) (size-x=2150/254) (paper-size=A4) {more})"
    )


def lettered(dpi: int = 200, inks: tuple[tuple[int, int, int], ...] = ((0, 0, 0),)) -> tuple[Pixels, Pixels]:
    """Return a page in colour, and in grey its letters alone: on white, on a tint, and on a soft picture."""
    width, height = WIDTHS[dpi], 4 * dpi
    page = np.full((height, width, 3), 255, dtype=np.uint8)
    page[dpi : 2 * dpi] = (250, 225, 160)
    across = np.linspace(0, 6, width)[None, :]
    down = np.linspace(0, 4, 2 * dpi)[:, None]
    picture = np.stack(
        [
            200 + 40 * np.sin(across + down),
            190 + 30 * np.cos(down - across),
            210 + 20 * np.sin(2 * down + 0 * across),
        ]
    )
    page[2 * dpi :] = np.moveaxis(np.broadcast_to(picture, (3, 2 * dpi, width)), 0, -1).astype(np.uint8)
    letters = Image.new("L", (width, height), 255)
    drawn = Image.fromarray(page)
    font = ImageFont.load_default(dpi // 6)
    for number, top in enumerate(range(dpi // 5, height - dpi // 3, dpi // 3)):
        place, words = (dpi // 2, top), "Sphinx of black quartz, judge my vow 0123456789"
        ImageDraw.Draw(letters).text(place, words, font=font, fill=0)
        ImageDraw.Draw(drawn).text(place, words, font=font, fill=inks[number % len(inks)])
    return np.asarray(drawn), np.asarray(letters)


def write(tmp_path: Path, wanted: FeatureCollection, *drawn: Pixels, dpi: int = 200) -> Path:
    writer = open_writer(wanted, tmp_path, "fax", len(drawn))
    for pixels in drawn:
        writer.add(pages.raster(pixels, dpi, dpi))
    return writer.finish()[0].path


def read(path: Path, dpi: int = 200, index: int = 0) -> Pixels:
    frame = Frame(WIDTHS[dpi], None, Fraction(dpi), Fraction(dpi), colour=True, turn=True)
    with open_document(samples.source(path), LIMITS) as document:
        assert document.features(index)
        return document.pages[index].render(frame).pixels


def layers_of(path: Path, index: int = 0) -> tuple[Directory, ...]:
    page = read_structure(path).directories[index]
    return (page, *page.children)


@pytest.mark.parametrize("dpi", [200, 300, 400])
def test_letters_and_picture_come_back(tmp_path: Path, dpi: int) -> None:
    """Letters as a threshold would draw them but for single rim pixels; the picture within what JPEG leaves."""
    page, letters = lettered(dpi)
    seen = read(write(tmp_path, target(dpi), page, dpi=dpi), dpi)
    assert seen.shape == page.shape
    black = np.asarray(Image.fromarray(seen).convert("L")) < 96
    expected = letters < 128
    assert (black != expected).sum() < 0.08 * expected.sum()
    surely = letters < 8
    assert black[surely].mean() > 0.99, "no stroke is lost"
    away = np.asarray(Image.fromarray(letters).resize((letters.shape[1], letters.shape[0]))) == 255
    away &= np.roll(away, 6, 0) & np.roll(away, -6, 0) & np.roll(away, 6, 1) & np.roll(away, -6, 1)
    difference = np.abs(seen.astype(int) - page)[away]
    assert difference.mean() < 3
    assert np.percentile(difference, 99) < 16


def test_the_mask_is_what_a_threshold_makes_of_the_letters() -> None:
    page, letters = lettered()
    mask = np.unpackbits(take_apart(page, 200, 1).mask, axis=1, count=1728).astype(bool)
    expected = letters < 128
    assert (mask != expected).sum() < 0.06 * expected.sum()
    assert mask[expected].mean() > 0.96


def test_inks_of_several_colours_keep_them(tmp_path: Path) -> None:
    inks = ((200, 0, 0), (0, 0, 160), (0, 0, 0))
    page, letters = lettered(inks=inks)
    path = write(tmp_path, target(), page)
    assert [layer.number(Tag.COMPRESSION, 0) for layer in layers_of(path)] == [3, 7, 7]
    seen = read(path).astype(int)
    line = letters[40:66] < 8
    assert np.abs(seen[40:66][line].mean(axis=0) - inks[0]).max() < 30
    assert verify_file(path, "image/tiff-fx", K_6) == ()


def test_one_ink_is_a_colour_without_data(tmp_path: Path) -> None:
    page, letters = lettered(inks=((0, 40, 120),))
    path = write(tmp_path, target(), page)
    colour = layers_of(path)[2]
    assert colour.number(Tag.COMPRESSION, 0) == 1
    assert colour.values(Tag.STRIP_BYTE_COUNTS) == (0,)
    assert colour.find(Tag.IMAGE_BASE_COLOR) is not None
    assert np.abs(read(path).astype(int)[letters < 8].mean(axis=0) - (0, 40, 120)).max() < 14


def test_every_field_is_that_of_section_8(tmp_path: Path) -> None:
    page, _ = lettered()
    path = write(tmp_path, target(), page, page)
    short, long, rational = FieldType.SHORT, FieldType.LONG, FieldType.RATIONAL
    structure = read_structure(path)
    assert structure.directories[0].offset == 8
    for number in (0, 1):
        mask, background, foreground = layers_of(path, number)
        found = {entry.tag: (entry.type, entry.values) for entry in mask.entries}
        assert found[254] == (long, (18,))
        assert found[330] == (long, (background.offset, foreground.offset))
        assert found[34732] == (long, (2, 1))
        assert (found[259], found[262], found[266]) == ((short, (3,)), (short, (0,)), (short, (2,)))
        assert found[278] == (long, (256,))
        assert found[297] == (short, (number, 2))
        assert not {286, 287, 559} & set(found)
        for layer, name in ((background, 1), (foreground, 3)):
            found = {entry.tag: (entry.type, entry.values) for entry in layer.entries}
            assert found[254] == (long, (16,))
            assert found[34732] == (long, (name, 1))
            assert found[286] == found[287] == (rational, (0,))
            assert found[262] == (short, (10,))
            assert layer.next_offset == 0
        assert len(mask.values(Tag.STRIP_OFFSETS)) == len(background.values(Tag.STRIP_OFFSETS)) == 4
        assert foreground.number(Tag.COMPRESSION, 0) == 1


def test_a_mask_of_400_has_layers_of_200(tmp_path: Path) -> None:
    page, _ = lettered(400)
    mask, background, _ = layers_of(write(tmp_path, target(400), page, dpi=400))
    assert (mask.number(Tag.IMAGE_WIDTH, 0), background.number(Tag.IMAGE_WIDTH, 0)) == (3456, 1728)
    assert background.values(Tag.X_RESOLUTION) == (200,)
    assert (mask.number(Tag.ROWS_PER_STRIP, 0), background.number(Tag.ROWS_PER_STRIP, 0)) == (256, 128)


@pytest.mark.parametrize(
    ("coding", "compression"), [("MH", 3), ("MR", 3), ("MMR", 4), ("JBIG", 9), ("JPEG", 3)]
)
def test_the_mask_is_in_the_coding_asked_for(tmp_path: Path, coding: str, compression: int) -> None:
    if coding == "JBIG" and not jbig.is_available():
        lacking("needs the JBIG library: apt-get install libjbig0")
    page, letters = lettered()
    path = write(tmp_path, target(coding=coding), page)
    assert layers_of(path)[0].number(Tag.COMPRESSION, 0) == compression
    assert verify_file(path, "image/tiff-fx", ANY_LAYERS) == ()
    black = np.asarray(Image.fromarray(read(path)).convert("L")) < 96
    assert black[letters < 8].mean() > 0.99


@pytest.mark.parametrize("dpi", [200, 300, 400])
def test_a_receiver_of_layers_takes_the_file(tmp_path: Path, dpi: int) -> None:
    """Every layer must match by itself (RFC 2879, 4.7)."""
    path = write(tmp_path, target(dpi), lettered(dpi)[0], dpi=dpi)
    assert verify_file(path, "image/tiff-fx", K_6) == ()
    only_colour = feature_set("(& (image-file-structure=TIFF-MRC) (color=Full))")
    assert "color" in "\n".join(verify_file(path, "image/tiff-fx", only_colour))
    plain = feature_set("(& (image-file-structure=TIFF) (MRC-mode=0))")
    assert "image-file-structure" in "\n".join(verify_file(path, "image/tiff-fx", plain))
    assert "(MRC-max-stripe-size=256)" in str(features_of_tiff(path)) or dpi == 300


@pytest.mark.judged("profile M, written", "tiffinfo")
@pytest.mark.judged("profile M, written", "tiffcp")
def test_libtiff_follows_pages_and_layers(tmp_path: Path) -> None:
    """tiffinfo reads IFDs and child IFDs; tiffcp decodes the mask, which is a page of MMR."""
    page, letters = lettered()
    path = write(tmp_path, target(coding="MMR"), page, page)
    told = subprocess.run(
        [require("tiffinfo", "libtiff-tools"), "-s", path], capture_output=True, text=True, check=False
    )
    assert told.stdout.count("SubIFD Offsets:") == 2
    assert told.stdout.count("Compression Scheme: CCITT Group 4") == 2
    plain = tmp_path / "mask.tif"
    subprocess.run(["tiffcp", "-c", "none", f"{path},0", plain], capture_output=True, check=True)
    with Image.open(plain) as image:
        mask: npt.NDArray[np.bool_] = ~np.asarray(image)
    assert mask[letters < 8].mean() > 0.99


def test_a_page_without_letters_and_one_without_picture(tmp_path: Path) -> None:
    soft = lettered()[0][500:].copy()
    soft[:] = np.linspace(120, 250, soft.shape[0])[:, None, None]
    white = np.full_like(soft, 255)
    path = write(tmp_path, target(), soft, white)
    assert np.abs(read(path).astype(int) - soft).mean() < 3
    assert (read(path, index=1) > 250).all()
    assert verify_file(path, "image/tiff-fx", K_6) == ()


BROCHURE = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Full", "vector")


def test_the_algebra_picks_layers_where_a_device_states_them(tmp_path: Path) -> None:
    document = Inspection("application/pdf", "application/pdf", (BROCHURE,), "", lossless=True, problem=None)
    pages_only = feature_set('(type="image/tiff-fx")')
    choice = choose(offer(document) & K_6 & pages_only, default_preference())
    assert choice is not None
    assert choice.collection["mrc-mode"] == 1
    dpi = int(Fraction(str(choice.collection["dpi"])))
    path = write(tmp_path, choice.collection, lettered(dpi)[0], dpi=dpi)
    assert verify_file(path, "image/tiff-fx", K_6) == ()
    none = feature_set("(MRC-mode=0)")
    choice = choose(offer(document) & none & pages_only, default_preference())
    assert choice is not None
    assert choice.collection["mrc-mode"] == 0


def test_a_mask_of_100_is_refused(tmp_path: Path) -> None:
    writer = open_writer(target(100), tmp_path, "fax", 1)
    with pytest.raises(ConversionError, match="864 pixels a line at 100"):
        writer.add(pages.raster(pages.colourful(864, 100), 100, 100))
    writer.abort()


Where = tuple[int, int]
"""The layer (0 mask, 1 background, 2 foreground) and the tag."""


def place(path: Path, where: Where, *, entry: bool = False) -> int:
    ifd = layers_of(path)[where[0]]
    found = ifd.find(where[1])
    assert found is not None
    if entry:
        return ifd.offset + 2 + 12 * [each.tag for each in ifd.entries].index(where[1])
    return found.offset


def value(layer: int, tag: int, form: str, *numbers: int) -> Callable[[bytearray, Path], None]:
    return lambda octets, path: struct.pack_into("<" + form, octets, place(path, (layer, tag)), *numbers)


def tag(layer: int, old: int, new: int) -> Callable[[bytearray, Path], None]:
    return lambda octets, path: struct.pack_into("<H", octets, place(path, (layer, old), entry=True), new)


BROKEN: list[tuple[str, Callable[[bytearray, Path], None], str]] = [
    ("primary subfile", value(0, 254, "I", 2), "mask: NewSubFileType is 2, not 18"),
    ("child subfile", value(1, 254, "I", 18), "background: NewSubFileType is 18, not 16"),
    ("child subfile 2", value(2, 254, "I", 0), "foreground: NewSubFileType is 0, not 16"),
    ("mask photometric", value(0, 262, "H", 1), "PhotometricInterpretation is 1, not 0"),
    ("mask compression", value(0, 259, "H", 7), "Compression 7 is none of a mask"),
    ("mask options", value(0, 292, "I", 2), "T4Options is 2"),
    ("mask fill order", value(0, 266, "H", 3), "FillOrder is 3"),
    ("mask width", value(0, 256, "I", 1720), "ImageWidth 1720 does not go with"),
    ("mask length", value(0, 257, "I", 1100), "lines in all are no layer of 1100 lines"),
    ("no length", value(0, 257, "I", 0), "ImageWidth or ImageLength is 0"),
    ("not square", value(0, 283, "II", 100, 1), "200 by 100, not square"),
    ("unit", value(0, 296, "H", 3), "ResolutionUnit is 3, not 2"),
    ("mask of 100", lambda o, p: (value(0, 282, "II", 100, 1)(o, p), value(0, 283, "II", 100, 1)(o, p))[0],
     "more than 100 pixels an inch"),
    ("layer finer", lambda o, p: (value(1, 282, "II", 400, 1)(o, p), value(1, 283, "II", 400, 1)(o, p))[0],
     "400 pixels an inch are no whole part of the mask's 200"),
    ("layer no part", lambda o, p: (value(1, 282, "II", 150, 1)(o, p), value(1, 283, "II", 150, 1)(o, p))[0],
     "background: a resolution of 150"),
    ("layer compression", value(1, 259, "H", 5), "Compression 5 is none of a foreground or background"),
    ("layer in profile L", value(1, 259, "H", 10), "T.43"),
    ("layer photometric", value(1, 262, "H", 2), "PhotometricInterpretation is 2, not 10"),
    ("layer samples", value(1, 277, "H", 4), "SamplesPerPixel is 4"),
    ("layer subsampling", value(1, 530, "HH", 4, 2), "ChromaSubSampling is neither"),
    ("no such layer", value(1, 34732, "II", 4, 1), "ImageLayer names no layer"),
    ("order 0", value(1, 34732, "II", 1, 0), "ImageLayer names no layer"),
    ("two of a layer", value(2, 34732, "II", 1, 1), "there are two IFDs of layer 1 with the order 1"),
    ("primary no mask", value(0, 34732, "II", 3, 2), "none of a foreground or background"),
    ("colour not lowest", value(2, 34732, "II", 1, 2), "a colour must be the lowest of its layer"),
    ("position missing", tag(1, 286, 285), "XPosition is missing"),
    ("position missing 2", tag(2, 287, 288), "YPosition is missing"),
    ("position on the primary", tag(0, 283, 286), "YResolution is missing"),
    ("beyond the page", value(1, 286, "II", 5, 1), "it reaches beyond the page"),
    ("below the page", value(2, 287, "II", 1, 1), "it reaches beyond the page"),
    ("rows twice", lambda o, p: struct.pack_into("<HH", o, place(p, (1, 531), entry=True), 559, 4),
     "there must be RowsPerStrip or StripRowCounts, and not both"),
    ("rows", value(0, 278, "I", 128), "are no layer of 800 lines"),
    ("base colour missing", tag(2, 434, 432), "Compression 1 without ImageBaseColor"),
    ("base colour too large", value(2, 434, "HHH", 300, 128, 96), "a value above 255"),
    ("colour with data", value(2, 279, "I", 40), "ImageBaseColor with data"),
    ("page number", value(1, 297, "HH", 4, 1), "PageNumber says 4 of 1, not 0 of 1"),
    ("outside", value(0, 273, "I", 1 << 30), "outside the file"),
    ("not ascending", tag(1, 256, 300), "not in ascending order"),
    ("children of itself", value(0, 330, "II", 8, 8), "leads back to octet 8"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_each_broken_rule_of_profile_m_is_reported(
    tmp_path: Path, change: Callable[[bytearray, Path], None], message: str
) -> None:
    path = write(tmp_path, target(), lettered()[0])
    assert verify_file(path, "image/tiff-fx", ANY_LAYERS) == ()
    octets = bytearray(path.read_bytes())
    change(octets, path)
    path.write_bytes(octets)
    found = "\n".join(verify_file(path, "image/tiff-fx", ANY_LAYERS))
    assert message in found


def test_damaged_strips_of_any_layer_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, target(), lettered()[0])
    whole = path.read_bytes()
    for layer in layers_of(path)[:2]:
        octets = bytearray(whole)
        start = int(layer.values(Tag.STRIP_OFFSETS)[1])
        octets[start : start + 40] = bytes(40)
        path.write_bytes(octets)
        assert verify_file(path, "image/tiff-fx", ANY_LAYERS) != ()
        path.write_bytes(whole)
    assert "image/tiff-fx, not image/tiff" in "\n".join(verify_file(path, "image/tiff", ANY_LAYERS))


@pytest.mark.parametrize(
    "change",
    [
        value(1, 286, "II", 5, 1),
        value(1, 256, "I", 1 << 30),
        value(1, 257, "I", 1 << 30),
        value(1, 259, "H", 10),
        value(1, 259, "H", 5),
        value(0, 259, "H", 7),
        value(0, 278, "I", 7),
        value(1, 282, "II", 1, 1),
        value(0, 273, "I", 1 << 30),
        tag(2, 434, 435),
    ],
)
def test_a_page_that_cannot_be_put_together_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[bytearray, Path], None]
) -> None:
    path = write(tmp_path, target(), lettered()[0])
    octets = bytearray(path.read_bytes())
    change(octets, path)
    path.write_bytes(octets)
    with pytest.raises(ContentRefusedError) as caught:
        read(path)
    assert str(caught.value).startswith("fax.tfx: ")
    assert "\n" not in str(caught.value)


def by_hand(
    dpi: int, subfile: int, size: tuple[int, int], layer: tuple[int, int], *more: Field
) -> tuple[Field, ...]:
    return (
        Field(Tag.NEW_SUBFILE_TYPE, FieldType.LONG, (subfile,)),
        Field(Tag.IMAGE_WIDTH, FieldType.LONG, (size[0],)),
        Field(Tag.IMAGE_LENGTH, FieldType.LONG, (size[1],)),
        Field(Tag.X_RESOLUTION, FieldType.RATIONAL, (Fraction(dpi),)),
        Field(Tag.Y_RESOLUTION, FieldType.RATIONAL, (Fraction(dpi),)),
        Field(Tag.RESOLUTION_UNIT, FieldType.SHORT, (2,)),
        Field(Tag.PAGE_NUMBER, FieldType.SHORT, (0, 1)),
        Field(Tag.IMAGE_LAYER, FieldType.LONG, layer),
        *more,
    )


def colour_at(
    place: tuple[int, int], size: tuple[int, int], layer: tuple[int, int], itulab: tuple[int, ...]
) -> Leaf:
    position = (Field(Tag.X_POSITION, FieldType.RATIONAL, (Fraction(place[0]),)),)
    position += (Field(Tag.Y_POSITION, FieldType.RATIONAL, (Fraction(place[1]),)),)
    short = FieldType.SHORT
    return Leaf(
        by_hand(
            200, 16, size, layer, *position,
            Field(Tag.BITS_PER_SAMPLE, short, (8, 8, 8)), Field(Tag.COMPRESSION, short, (1,)),
            Field(Tag.PHOTOMETRIC_INTERPRETATION, short, (10,)), Field(Tag.SAMPLES_PER_PIXEL, short, (3,)),
            Field(Tag.ROWS_PER_STRIP, FieldType.LONG, (size[1],)), Field(Tag.IMAGE_BASE_COLOR, short, itulab),
        ),
        (b"",),
    )  # fmt: skip


def test_stripes_of_any_height_empty_ones_and_layers_in_a_corner(tmp_path: Path) -> None:
    """StripRowCounts, a stripe without data, a foreground for a part of the page, no background at all."""
    black = np.zeros((300, 1728), dtype=bool)
    black[20:60, 100:900] = True
    black[250:290, 700:1700] = True
    packed = np.packbits(black, axis=1)
    first, last = (
        encode(packed[top:bottom], StripForm(1728, bottom - top, Coding.MMR))
        for top, bottom in ((0, 77), (207, 300))
    )
    short = FieldType.SHORT
    mask = Leaf(
        by_hand(
            200, 18, (1728, 300), (2, 1),
            Field(Tag.BITS_PER_SAMPLE, short, (1,)), Field(Tag.COMPRESSION, short, (4,)),
            Field(Tag.PHOTOMETRIC_INTERPRETATION, short, (0,)), Field(Tag.FILL_ORDER, short, (1,)),
            Field(Tag.SAMPLES_PER_PIXEL, short, (1,)), Field(Tag.T6_OPTIONS, FieldType.LONG, (0,)),
            Field(Tag.STRIP_ROW_COUNTS, FieldType.LONG, (77, 130, 93)),
        ),
        (first, b"", last),
    )  # fmt: skip
    # L* 53, a* 84, b* 108 under the default Decode (RFC 3949, 6.2.3): a strong red
    red = colour_at((4, 0), (400, 300), (3, 1), (136, 255, 230))
    path = tmp_path / "a.tfx"
    container = TiffContainer(path)
    container.add_octets(lambda offset: tree_octets(mask, (red,), offset))
    container.close()
    seen = read(path)
    assert (seen[~black] == 255).all(), "no background is white"
    left = black & (np.arange(1728) < 800)
    right = black & (np.arange(1728) >= 800) & (np.arange(1728) < 1200)
    assert (seen[left] == 0).all(), "no foreground is black"
    assert (seen[right] == seen[right][0]).all()
    assert seen[right][0][0] > 180 > 80 > max(seen[right][0][1:])
    assert (seen[black & (np.arange(1728) >= 1200)] == 0).all()
    assert verify_file(path, "image/tiff-fx", ANY_LAYERS) == ()


def test_profiles_j_and_m_are_made_and_looked_at_behind_the_fence(tmp_path: Path) -> None:
    """The workers find the JBIG library too, and a document in colour goes through all of it."""
    path = samples.save(tmp_path / "a.pdf", samples.pdf([samples.TEXT_PAGE + b" " + samples.RED_PAGE]))

    async def convert() -> None:
        async with Workers(count=1) as workers:
            inspection = await workers.inspect(Source(path, "application/pdf", path.name))
            wishes = [(K_6 & feature_set("(dpi=200)"), "mrc-mode", 1)]
            if jbig.is_available():
                wishes.append(
                    (feature_set("(& (image-coding=JBIG) (color=Binary) (dpi=200))"), "mrc-mode", 0)
                )
            for number, (accepted, tag_name, stated) in enumerate(wishes):
                fax_only = feature_set('(type="image/tiff-fx")')
                choice = choose(offer(inspection) & accepted & fax_only, default_preference())
                assert choice is not None
                assert choice.collection[tag_name] == stated
                job = ConversionJob(
                    (Source(path, "application/pdf", path.name),), choice.collection, tmp_path, f"o{number}"
                )
                (file,) = (await workers.convert(job, None)).files
                assert await workers.verify(file.path, file.media_type, str(accepted)) == ()
                again = await workers.inspect(Source(file.path, file.media_type, file.filename))
                assert again.problem is None
                assert [page.colour for page in again.pages] == ["Full" if stated else "Binary"]

    asyncio.run(convert())
