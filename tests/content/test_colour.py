"""sRGB, L*a*b* under D50, ITULAB: against published values, littleCMS, and there and back."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from conneg.content import colour
from tests.content import pages

PRIMARIES = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (255, 0, 0): (54.29, 80.81, 69.89),
    (0, 255, 0): (87.82, -79.27, 80.99),
    (0, 0, 255): (29.57, 68.30, -112.03),
    (0, 0, 0): (0.0, 0.0, 0.0),
}
"""sRGB under D50 by the Bradford transform, as colour engineers publish it (to two digits)."""


@pytest.mark.parametrize(("rgb", "lab"), PRIMARIES.items())
def test_primaries_are_where_they_are_published(
    rgb: tuple[int, int, int], lab: tuple[float, float, float]
) -> None:
    assert colour.lab_from_srgb(rgb) == pytest.approx(np.array(lab), abs=0.05)


def test_greys_have_no_colour() -> None:
    lab = colour.lab_from_srgb(np.repeat(np.arange(256)[:, None], 3, axis=1))
    assert np.abs(lab[:, 1:]).max() < 1e-9
    assert (np.diff(lab[:, 0]) > 0).all()


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_every_colour_comes_back_from_lab(colours: list[tuple[int, int, int]]) -> None:
    assert colour.srgb_from_lab(colour.lab_from_srgb(colours)) == pytest.approx(np.array(colours), abs=0.02)


def test_little_cms_agrees() -> None:
    """Another program's colours: within what its eight bits can say."""
    pixels = pages.colourful(256, 128)
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB", 5000), "RGB", "LAB"
    )
    shown = ImageCms.applyTransform(Image.fromarray(pixels), transform)
    assert shown is not None
    theirs = np.asarray(shown).astype(np.int16)
    theirs_a, theirs_b = theirs[..., 1].astype(np.int8), theirs[..., 2].astype(np.int8)
    ours = colour.lab_from_srgb(pixels)
    assert np.abs(ours[..., 0] - theirs[..., 0] / 2.55).max() < 1.0
    assert np.abs(ours[..., 1] - theirs_a).max() < 1.6
    assert np.abs(ours[..., 2] - theirs_b).max() < 1.6


def test_the_default_decode_is_that_of_rfc_3949() -> None:
    """RFC 3949, 6.2.3: sample 128 is a* 0, sample 96 is b* 0, sample 255 is L* 100."""
    assert colour.decode_itulab([[255, 128, 96]]) == pytest.approx(np.array([[100.0, 0.0, 0.0]]), abs=1e-9)
    assert colour.decode_itulab([[0, 0, 0]]) == pytest.approx(
        np.array([[0.0, -21760 / 255, -19200 / 255]]), abs=1e-9
    )
    assert colour.decode_itulab([[0, 255, 255]]) == pytest.approx(
        np.array([[0.0, 21590 / 255, 31800 / 255]]), abs=1e-9
    )


def test_the_decode_for_srgb_holds_all_of_it() -> None:
    """RFC 3249, 5.2.2. The default one does not: blue lies beyond b* -75."""
    low, high = colour.SRGB_DECODE[::2], colour.SRGB_DECODE[1::2]
    corners = colour.lab_from_srgb(np.array(np.meshgrid([0, 255], [0, 255], [0, 255])).reshape(3, -1).T)
    # a hundredth of a unit: the RFC's ranges come from the primaries rounded to four digits
    assert (corners >= np.array([float(v) for v in low]) - 3.3).all()
    assert (corners <= np.array([float(v) for v in high]) + 3.3).all()
    assert corners[:, 2].min() < float(colour.DEFAULT_DECODE[4])


@given(st.tuples(*[st.integers(0, 255)] * 3), st.sampled_from([colour.DEFAULT_DECODE, colour.SRGB_DECODE]))
@settings(deadline=None)
def test_samples_come_back(sample: tuple[int, int, int], decode: colour.Decode) -> None:
    assert colour.encode_itulab(colour.decode_itulab([sample], decode), decode).tolist() == [list(sample)]


def test_what_lies_outside_is_cut() -> None:
    assert colour.encode_itulab([[120.0, 200.0, -200.0]]).tolist() == [[255, 255, 0]]


@pytest.mark.parametrize("decode", [colour.DEFAULT_DECODE, colour.SRGB_DECODE])
def test_a_whole_page_is_off_by_one_octet_at_most(decode: colour.Decode) -> None:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    pixels[:40] //= 10  # dark colours, where the curves bend most
    pixels[40, :256] = np.arange(256)[:, None]
    exact = colour.encode_itulab(colour.lab_from_srgb(pixels), decode).astype(int)
    quick = np.asarray(colour.itulab_page(pixels, decode)).astype(int)
    assert np.abs(exact - quick).max() <= 1
    assert (exact != quick).mean() < 0.05
    assert (quick[40, :256, 1:] == exact[40, :256, 1:]).all(), "greys stay grey"


def test_a_grey_page_is_lightness_alone_and_exact() -> None:
    grey = np.arange(256, dtype=np.uint8)[None, :]
    expected = colour.encode_itulab(colour.lab_from_srgb(np.repeat(grey[..., None], 3, axis=2)))[..., 0]
    assert (np.asarray(colour.lightness_page(grey)) == expected).all()
    assert np.asarray(colour.lightness_page(grey))[0, [0, 255]].tolist() == [0, 255]


def test_decode_values_are_exact_fractions() -> None:
    assert colour.DEFAULT_DECODE[2] == Fraction(-21760, 255)
