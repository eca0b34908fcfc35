"""Widths and resolutions that mean the same to a fax machine (fax schema, 5, both TRAPs)."""

import pytest

from conneg.features import FeatureSet, feature_set
from conneg.negotiation.fax import NOMINAL_WIDTHS, normalise, with_twins

PAGES = "(& (image-file-structure=TIFF-minimal) (color=Binary) {})"


def pages(terms: str) -> FeatureSet:
    return normalise(feature_set(PAGES.format(terms)))


def meets(accepted: FeatureSet, terms: str) -> bool:
    return not (accepted & feature_set(PAGES.format(terms))).is_empty


@pytest.mark.parametrize("width", ["1728/200", "1728/204", "2150/254", "8"])
def test_a_scan_line_of_1728_pixels_fits_215_mm(width: str) -> None:
    """1728/200 exceeds 2150/254 by 2.07 %, 1728/204 by 0.07 %."""
    assert meets(pages("(size-x<=2150/254)"), f"(size-x={width})")


@pytest.mark.parametrize(
    ("limit", "width"),
    [
        ("2150/254", "2048/204"),
        ("2150/254", "865/100"),
        ("2550/254", "2432/204"),
        ("8", "1728/204"),
        ("3030/254", "123/10"),
    ],
)
def test_what_is_wider_still_does_not_fit(limit: str, width: str) -> None:
    assert not meets(pages(f"(size-x<={limit})"), f"(size-x={width})")


@pytest.mark.parametrize("pixels", [1728, 2048, 2432])
@pytest.mark.parametrize("dpi", [200, 204])
def test_receivers_that_list_pixels_over_dpi_take_the_nominal_width(pixels: int, dpi: int) -> None:
    """RFC 2879 Appendix B prints size-x=1728/200 where 215 mm is meant."""
    nominal = {1728: "2150/254", 2048: "2550/254", 2432: "3030/254"}[pixels]
    assert meets(pages(f"(size-x={pixels}/{dpi})"), f"(size-x={nominal})")


def test_normalising_adds_and_takes_nothing_away() -> None:
    for terms in ("(size-x<=2150/254)", "(size-x=[2150/254,2550/254])", "(dpi=200)", "(size-x>=5)"):
        literal = feature_set(PAGES.format(terms)) & feature_set('(type=["image/tiff","image/tiff-fx"])')
        assert pages(terms).contains(literal)


def test_normalising_twice_is_normalising_once() -> None:
    once = pages("(size-x<=2150/254)")
    assert normalise(once).equivalent(once)


def test_the_nominal_widths_are_those_of_t30() -> None:
    assert [round(float(width * 254) / 10) for width in NOMINAL_WIDTHS] == [215, 255, 303]


def test_an_image_file_structure_implies_a_tiff_type() -> None:
    """RFC 2879, 3.7: the tag names structures of TIFF files."""
    assert (pages("(dpi=200)") & feature_set('(type="application/pdf")')).is_empty
    assert not (pages("(dpi=200)") & feature_set('(type="image/tiff")')).is_empty
    assert not (normalise(feature_set("(color=Binary)")) & feature_set('(type="application/pdf")')).is_empty


@pytest.mark.parametrize(
    ("listed", "twin"),
    [
        ("(dpi=200) (dpi-xyratio=200/100)", "(dpi=204) (dpi-xyratio=204/98)"),
        ("(dpi=200) (dpi-xyratio=1)", "(dpi=204) (dpi-xyratio=204/196)"),
        ("(dpi=400) (dpi-xyratio=1)", "(dpi=408) (dpi-xyratio=408/391)"),
        ("(dpi=200) (dpi-xyratio=1/2)", "(dpi=204) (dpi-xyratio=204/391)"),
    ],
)
def test_t4_lets_one_resolution_stand_for_the_other(listed: str, twin: str) -> None:
    assert not meets(pages(listed), twin)
    assert meets(with_twins(pages(listed)), twin)
    assert meets(with_twins(pages(twin)), listed)
    assert meets(with_twins(pages(listed)), listed)


def test_t4_is_about_bi_level_pages_only() -> None:
    grey = feature_set("(& (color=Grey) (dpi=200) (dpi-xyratio=1))")
    twin = feature_set("(& (color=Grey) (dpi=204) (dpi-xyratio=204/196))")
    assert (with_twins(grey) & twin).is_empty
    both = feature_set("(& (color=[Binary,Grey]) (dpi=200) (dpi-xyratio=1))")
    assert (with_twins(both) & twin).is_empty
    assert not (with_twins(both) & feature_set("(& (color=Binary) (dpi=204) (dpi-xyratio=204/196))")).is_empty


def test_no_resolution_stated_has_no_twin() -> None:
    free = feature_set("(color=Binary)")
    assert with_twins(free).equivalent(free)
    fine = feature_set("(& (color=Binary) (dpi=300) (dpi-xyratio=1))")
    assert with_twins(fine).equivalent(fine)
