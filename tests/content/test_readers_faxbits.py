"""Bi-level TIFF pages stay in bits: what libtiff wrote is read as Pillow reads it, and coded anew without loss."""

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from conneg.content import native
from conneg.content.conversion import ConversionJob, convert
from conneg.content.page import Raster
from conneg.content.readers import faxbits
from conneg.content.readers.image import ImageReader
from conneg.content.readers.tiffdir import read_directory
from conneg.content.source import ReadLimits
from tests.content import pages, samples
from tests.system import require

OPTIONS = [
    ["-c", "g3:1d"],
    ["-c", "g3:1d:fill"],
    ["-c", "g3:2d"],
    ["-c", "g3:2d:fill"],
    ["-c", "g4"],
    ["-c", "g4", "-f", "lsb2msb"],
    ["-c", "g3:2d", "-f", "lsb2msb"],
    ["-c", "g4", "-r", "32"],
    ["-c", "g3:1d", "-r", "7"],
]


def shown(path: Path, page: int = 0) -> npt.NDArray[np.bool_]:
    """The page as Pillow's libtiff decodes it: truth for white."""
    with Image.open(path) as image:
        image.seek(page)
        return np.asarray(image.convert("1"))


def type_page(path: Path, width: int = 1728, height: int = 500, *, inverted: bool = False) -> Path:
    image = Image.fromarray(np.asarray(pages.text(width, height)) >= 128)
    with_tag = {262: 1 if inverted else 0}
    image.save(path, compression=None, dpi=(204, 196), tiffinfo=with_tag)
    return path


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("inverted", [False, True], ids=["white is 0", "black is 0"])
def test_what_libtiff_wrote_is_decoded_as_pillow_does(
    tmp_path: Path, options: list[str], inverted: bool
) -> None:
    if native.bilevel is None:
        pytest.skip("the C module is not built: Pillow decodes")
    plain, coded = type_page(tmp_path / "plain.tif", inverted=inverted), tmp_path / "coded.tif"
    subprocess.run([require("tiffcp", "libtiff-tools"), *options, plain, coded], check=True, timeout=20)
    (ifd,) = read_directory(coded, 10).ifds
    assert faxbits.is_bits(ifd)
    packed = faxbits.decode(coded, ifd)
    assert packed is not None
    assert (packed == np.packbits(~shown(coded), axis=1)).all()


def recoded(source: Path, coding: str, folder: Path) -> Path:
    target = pages.fax_target(coding)
    folder.mkdir()
    job = ConversionJob((samples.source(source, "image/tiff"),), target, folder, "fax")
    (file,) = convert(job, ReadLimits()).files
    return file.path


def test_coded_anew_every_bit_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From MH to MR to MMR and back to MH: no pixel differs, the last file is the first, and no page became octets."""
    plain = type_page(tmp_path / "plain.tif", height=2292)
    monkeypatch.setattr(Raster, "pixels", property(lambda raster: pytest.fail("the page became octets")))
    path, files = plain, []
    for number, coding in enumerate(("MH", "MR", "MMR", "MH")):
        path = recoded(path, coding, tmp_path / f"{number}{coding}")
        assert (shown(path) == shown(plain)).all()
        files.append(path.read_bytes())
    assert files[3] == files[0]
    assert len({*files}) == 3


def test_without_the_c_module_it_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = type_page(tmp_path / "plain.tif", height=2292)
    first = recoded(plain, "MMR", tmp_path / "one").read_bytes()
    monkeypatch.setattr(native, "bilevel", None)
    monkeypatch.setattr(Raster, "pixels", property(lambda raster: pytest.fail("the page became octets")))
    assert recoded(plain, "MMR", tmp_path / "two").read_bytes() == first


@pytest.mark.parametrize("width", [1000, 1001, 1728])
def test_a_narrower_page_lies_in_the_middle(tmp_path: Path, width: int) -> None:
    plain = type_page(tmp_path / "plain.tif", width, 300)
    page = ~shown(recoded(plain, "MMR", tmp_path / "out"))
    left = (1728 - width) // 2
    assert (page[:300, left : left + width] == ~shown(plain)).all()
    assert page.sum() == (~shown(plain)).sum()


def test_a_damaged_strip_is_left_to_pillow(tmp_path: Path) -> None:
    plain, coded = type_page(tmp_path / "plain.tif"), tmp_path / "coded.tif"
    subprocess.run([require("tiffcp", "libtiff-tools"), "-c", "g3:1d", plain, coded], check=True, timeout=20)
    (ifd,) = read_directory(coded, 10).ifds
    octets = bytearray(coded.read_bytes())
    place = ifd.number(273, 0) + ifd.number(279, 0) // 2
    octets[place : place + 4] = b"\x00\x10\x00\x00"
    coded.write_bytes(octets)
    assert faxbits.decode(coded, ifd) is None
    assert (shown(recoded(coded, "MMR", tmp_path / "out"))[:500] == shown(coded)).all()


def test_strips_that_are_the_whole_file_each_are_not_read(tmp_path: Path) -> None:
    plain, coded = type_page(tmp_path / "plain.tif"), tmp_path / "coded.tif"
    subprocess.run(
        [require("tiffcp", "libtiff-tools"), "-c", "g4", "-r", "5", plain, coded], check=True, timeout=20
    )
    (ifd,) = read_directory(coded, 10).ifds
    ifd.fields[279] = (coded.stat().st_size,) * 100
    assert faxbits.decode(coded, ifd) is None


def test_a_page_that_must_be_scaled_is_no_longer_in_bits(tmp_path: Path) -> None:
    plain = type_page(tmp_path / "plain.tif", 2432, 300)
    page = ~shown(recoded(plain, "MMR", tmp_path / "out"))
    assert page.shape[1] == 1728
    assert 0 < page.mean() < 0.3


def test_a_turned_or_grey_page_is_not_in_bits(tmp_path: Path) -> None:
    turned = tmp_path / "turned.tif"
    samples.fax_page().save(turned, compression="group4", tiffinfo={274: 6})
    grey = tmp_path / "grey.tif"
    Image.fromarray(pages.text()).save(grey)
    for path in (turned, grey):
        assert not faxbits.is_bits(read_directory(path, 10).ifds[0])


def test_the_outline_of_a_facsimile_is_that_of_its_image(tmp_path: Path) -> None:
    """Size and resolution come from the directory alone; looking at the pixels tells nothing else."""
    path = samples.fax_tiff(tmp_path / "fax.tif", pages=2)
    with ImageReader(samples.source(path), ReadLimits(), "image/tiff") as reader:
        for page in reader.pages:
            assert page.outline == page.geometry
