"""What is offered: bounded by the source, and nothing that cannot be made."""

import importlib
from fractions import Fraction

import pytest

from conneg.content import formats
from conneg.content.inspection import Inspection
from conneg.content.offer import document_offer, offer
from conneg.content.page import PageGeometry
from conneg.content.paper import A4, BILEVEL_RESOLUTIONS
from conneg.features import FeatureSet, feature_set

TEXT = PageGeometry(A4.width_inches, A4.length_inches, None, None, None, "Binary", "text")
BROCHURE = PageGeometry(Fraction(17, 2), Fraction(11), None, None, None, "Full", "vector")
PHOTO = PageGeometry(Fraction(1050, 127), Fraction(1400, 127), 3000, 4000, Fraction(2540, 7), "Full", "photo")
ICON = PageGeometry(Fraction(1, 2), Fraction(1, 2), 48, 48, Fraction(96), "Full", "photo")
GREY = PageGeometry(Fraction(8), Fraction(10), 2400, 3000, Fraction(300), "Grey", "photo")
STANDARD_SCAN = PageGeometry(
    Fraction(1728, 204), Fraction(1146, 98), 1728, 1146, Fraction(204), "Binary", "scan", Fraction(98)
)
FINE_SCAN = PageGeometry(
    Fraction(1728, 200), Fraction(2339, 200), 1728, 2339, Fraction(200), "Binary", "scan", Fraction(200)
)
A3_SCAN = PageGeometry(
    Fraction(2432, 204), Fraction(3240, 196), 2432, 3240, Fraction(204), "Binary", "scan", Fraction(196)
)


def inspected(*pages: PageGeometry, media_type: str = "image/png", problem: str | None = None) -> Inspection:
    return Inspection(media_type, media_type, pages, f'(type="{media_type}")', lossless=True, problem=problem)


def has(features: FeatureSet, expression: str) -> bool:
    """Whether some rendition in `features` fits `expression`."""
    return not (features & feature_set(expression)).is_empty


def fax(resolution: str, coding: str = "MMR", paper: str = "A4") -> str:
    dpi, _, dpi_y = resolution.partition("x")
    return (
        f'(& (type="image/tiff") (color=Binary) (image-coding={coding}) (image-file-structure=TIFF-minimal)'
        f" (dpi={dpi}) (dpi-xyratio={dpi}/{dpi_y}) (paper-size={paper}) (MRC-mode=0))"
    )


def colour_fax(dpi: int, colour: str = "Full") -> str:
    return (
        f'(& (type="image/tiff-fx") (color={colour}) (image-coding=JPEG) (image-coding-constraint=JPEG-T4E)'
        f" (color-space=CIELAB) (dpi={dpi}) (dpi-xyratio=1) (image-file-structure=TIFF-limited))"
    )


ALL = [f"{resolution.dpi_x}x{resolution.dpi_y}" for resolution in BILEVEL_RESOLUTIONS]


@pytest.mark.parametrize("coding", ["MH", "MR", "MMR"])
@pytest.mark.parametrize("resolution", ALL)
def test_text_is_offered_in_every_coding_and_resolution_of_profile_f(resolution: str, coding: str) -> None:
    assert has(offer(inspected(TEXT, media_type="text/plain")), fax(resolution, coding))


def test_a_standard_scan_is_offered_nothing_finer_and_no_colour() -> None:
    features = offer(inspected(STANDARD_SCAN, media_type="image/tiff"))
    assert [resolution for resolution in ALL if has(features, fax(resolution))] == ["204x98", "200x100"]
    assert not has(features, "(color=Full)")
    assert not has(features, "(color=Mapped)")
    assert not has(features, '(& (type="image/tiff-fx") (image-coding=JPEG))')


def test_a_fine_scan_is_offered_both_families_up_to_its_own() -> None:
    """T.4 takes 200 by 200 as 204 by 196 (RFC 3949 2.2.2)."""
    features = offer(inspected(FINE_SCAN, media_type="image/tiff"))
    assert [resolution for resolution in ALL if has(features, fax(resolution))] == [
        "204x98", "200x100", "204x196", "200x200",
    ]  # fmt: skip


def test_a_grey_source_is_offered_no_colour() -> None:
    features = offer(inspected(GREY))
    assert not has(features, "(color=Full)")
    assert has(features, '(& (type="image/jpeg") (color=Grey))')
    assert has(features, colour_fax(300, "Grey"))
    assert not has(features, colour_fax(400, "Grey"))
    assert has(features, fax("300x300"))


def test_an_image_is_never_offered_larger_than_it_is() -> None:
    features = offer(inspected(PHOTO))
    assert has(features, '(& (type="image/jpeg") (pix-x=3000) (color=Full))')
    assert has(features, '(& (type="image/png") (pix-x<=1080) (pix-y<=1920))')
    assert not has(features, '(& (type="image/jpeg") (pix-x>=3001))')
    assert not has(features, '(& (type="image/png") (pix-y>=4001))')


def test_text_is_offered_as_an_image_of_up_to_four_hundred_dots_an_inch() -> None:
    features = offer(inspected(TEXT, media_type="text/plain"))
    widest = int(A4.width_inches * 400)
    assert has(features, f'(& (type="image/png") (pix-x={widest}))')
    assert not has(features, f'(& (type="image/png") (pix-x={widest + 1}))')


def test_a_small_picture_still_goes_onto_base_fax_paper_and_no_finer() -> None:
    features = offer(inspected(ICON))
    assert [resolution for resolution in ALL if has(features, fax(resolution))] == [
        "204x98", "200x100", "204x196", "200x200",
    ]  # fmt: skip
    assert has(features, colour_fax(200))
    assert not has(features, colour_fax(300))


def test_profile_c_states_all_that_its_form_determines() -> None:
    features = offer(inspected(BROCHURE, media_type="application/pdf"))
    assert has(features, colour_fax(400))
    for expression in (
        "(& (color=Full) (image-coding=JPEG) (image-file-structure=[TIFF,TIFF-limited]) (color-levels<=16777216)"
        " (color-space=CIELAB) (color-illuminant=D50) (CIELAB-L-min>=0) (CIELAB-L-max<=100) (CIELAB-a-min>=-85)"
        ' (CIELAB-a-max<=85) (CIELAB-b-min>=-75) (CIELAB-b-max<=125) (color-subsampling="4:1:1") (MRC-mode=0)'
        ' (size-x<=2150/254) (type="image/tiff-fx"))',
    ):
        assert has(features, expression)
    for expression in (
        '(& (type="image/tiff-fx") (color=Full) (color-levels<=255))',
        '(& (type="image/tiff-fx") (image-coding=MH))',
        '(& (type="image/tiff-fx") (color=Full) (color-space=Device-RGB))',
        '(& (type="image/tiff-fx") (image-file-structure=TIFF-limited) (MRC-mode>=1))',
        '(& (type="image/tiff-fx") (color=Full) (dpi-xyratio=204/98))',
        '(& (type="image/tiff") (image-coding=JPEG))',
        '(& (type="image/tiff") (image-coding=JBIG))',
        '(& (type="image/tiff") (color=Grey))',
    ):
        assert not has(features, expression), expression


def test_large_paper_is_offered_to_large_pages_only() -> None:
    small = offer(inspected(TEXT))
    large = offer(inspected(A3_SCAN, media_type="image/tiff"))
    for paper in ("B4", "A3"):
        assert not has(small, fax("204x196", paper=paper))
        assert has(large, fax("204x196", paper=paper))
    assert has(large, fax("204x196", paper="A4"))
    assert has(large, '(& (type="image/tiff") (paper-size=A3) (size-x=3030/254))')
    assert not has(large, '(& (type="image/tiff") (paper-size=A4) (size-x=3030/254))')


def test_text_plain_is_offered_for_text_only() -> None:
    assert has(offer(inspected(TEXT, media_type="text/plain")), '(type="text/plain")')
    assert not has(offer(inspected(TEXT, media_type="application/pdf")), '(type="text/plain")')


def test_every_rendition_states_its_type() -> None:
    for page in (TEXT, PHOTO, STANDARD_SCAN, BROCHURE):
        for conjunction in offer(inspected(page)).conjunctions:
            assert conjunction.domain("type") is not None


@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain"])
def test_a_receiver_of_fax_that_states_no_type_is_offered_tiff_alone(media_type: str) -> None:
    features = offer(inspected(BROCHURE, media_type=media_type))
    common = features & feature_set("(& (image-file-structure=[TIFF,TIFF-minimal]) (image-coding=[MH,JPEG]))")
    assert not common.is_empty
    assert common.equivalent(common & feature_set('(type=["image/tiff","image/tiff-fx"])'))


def test_nothing_is_offered_of_a_document_with_a_problem() -> None:
    assert offer(inspected(problem="encrypted")).is_empty


def test_nothing_is_offered_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    offering = importlib.import_module(
        "conneg.content.offer"
    )  # the package's own name for it is the function
    monkeypatch.setattr(offering, "can_write", lambda media_type: media_type == "image/png")
    features = offer(inspected(PHOTO))
    assert has(features, '(type="image/png")')
    for media_type in (
        "image/jpeg",
        "image/tiff",
        "image/tiff-fx",
        "application/pdf",
        "text/plain",
        "image/webp",
    ):
        assert not has(features, f'(type="{media_type}")')


def test_a_row_whose_probe_fails_or_whose_module_is_missing_cannot_write() -> None:
    def fails() -> bool:
        return False

    row = formats.find_format("image/png")
    assert row is not None
    assert row.can_read
    assert not formats.Format("a/b", "b", "json", "json", "", fails).can_write
    assert not formats.Format("a/b", "b", "no.such.module", "nosuchmodule", "", lambda: True).can_write
    assert not formats.Format("a/b", "b", "json", None, "", lambda: True).can_write
    assert formats.find_format("no/thing") is None
    assert not formats.can_write("no/thing")


def test_a_document_is_one_tiff_of_all_its_sources() -> None:
    features = document_offer([inspected(TEXT, media_type="text/plain"), inspected(PHOTO)])
    assert has(features, fax("400x400"))
    assert has(features, colour_fax(200))
    for media_type in ("image/jpeg", "image/png", "application/pdf", "text/plain"):
        assert not has(features, f'(type="{media_type}")')


def test_a_document_with_a_source_that_cannot_be_read_is_not_offered() -> None:
    assert document_offer([inspected(TEXT), inspected(problem="damaged")]).is_empty
    assert document_offer([]).is_empty


def test_a_blank_text_adds_nothing_to_a_document_but_can_be_one() -> None:
    blank = inspected(media_type="text/plain")
    assert document_offer([blank, inspected(STANDARD_SCAN)]).equivalent(
        document_offer([inspected(STANDARD_SCAN)])
    )
    assert has(document_offer([blank]), fax("204x98"))


def test_the_simple_mode_receiver_is_always_served() -> None:
    """K-1 of fax-schema section 4: profile S."""
    simple = (
        "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (MRC-mode=0)"
        " (| (& (dpi=204) (dpi-xyratio=[204/98,204/196]) ) (& (dpi=200) (dpi-xyratio=[200/100,1]) ) )"
        " (size-x<=2150/254) (paper-size=A4) (ua-media=stationery) )"
    )
    for page in (TEXT, PHOTO, ICON, STANDARD_SCAN, FINE_SCAN, A3_SCAN, BROCHURE, GREY):
        assert has(document_offer([inspected(page)]), simple)


def test_no_side_is_offered_that_a_type_does_not_hold() -> None:
    strip = PageGeometry(Fraction(700), Fraction(1), 70_000, 100, Fraction(100), "Full", "photo")
    features = offer(inspected(strip))
    for media_type, most in (("image/webp", 16_383), ("image/jpeg", 65_500), ("image/png", 70_000)):
        assert has(features, f'(& (type="{media_type}") (pix-x={most}))')
        assert not has(features, f'(& (type="{media_type}") (pix-x={most + 1}))')
