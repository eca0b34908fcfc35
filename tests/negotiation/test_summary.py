"""Capabilities and forms in words; the phrases are what an operator reads in tables."""

from fractions import Fraction

import pytest

from conneg.features import collection, feature_set
from conneg.negotiation import Capability, describe_capability, describe_form
from conneg.negotiation.summary import describe_loss, describe_page_device
from tests.negotiation.samples import COLOUR, DESK_USER, JUNE, MONO, PHONE_USER, said


@pytest.mark.parametrize(
    ("capability", "phrase"),
    [
        (JUNE, "fax, B/W, up to 400 dpi, MMR"),
        (MONO, "fax, B/W, up to 204 dpi, MH"),
        (COLOUR, "fax, colour 200 dpi"),
        (PHONE_USER, "JPEG or PNG up to 1080 px, text"),
        (DESK_USER, "PDF, any image"),
        (said('(type="image/png")'), "PNG"),
        (said('(type=["text/plain","text/html"])'), "text or HTML"),
        (said('(type=["text/plain","audio/wav"])'), "text or audio/wav"),
        (said("(& (color=Binary) (dpi<=300))"), "any type, B/W, up to 300 dpi"),
        (said("(& (image-file-structure=TIFF) (color=grey) (dpi=[200,300]))"), "fax, grey up to 300 dpi"),
        (said("(image-file-structure=TIFF)"), "fax, colour"),
        (said("(& (a=1) (a=2))"), "nothing"),
    ],
)
def test_describe_capability(capability: Capability, phrase: str) -> None:
    assert describe_capability(capability) == phrase


def test_everything_is_anything() -> None:
    from conneg.features import FeatureSet
    from conneg.negotiation import Provenance

    assert describe_capability(Capability("", FeatureSet.everything(), Provenance.BASELINE, "")) == "anything"


@pytest.mark.parametrize(
    ("point", "words"),
    [
        (
            """(& (type="image/tiff") (image-file-structure=TIFF-minimal) (dpi=400) (dpi-xyratio=1) (image-coding=MMR)
            (paper-size=A4) (color=Binary))""",
            "400x400 dpi, MMR, A4, B/W",
        ),
        (
            "(& (image-file-structure=TIFF-minimal) (dpi=204) (dpi-xyratio=204/98) (image-coding=MH))",
            "204x98 dpi, MH",
        ),
        ('(& (type="image/jpeg") (pix-x=1080) (color=Full))', "JPEG, 1080 px wide, colour"),
        ('(& (type="image/png") (pix-x=800) (pix-y=600) (color=Grey))', "PNG, within 800x600 px, grey"),
        ('(type="application/pdf")', "PDF"),
        (
            '(& (type="image/jpeg") (image-file-structure=none) (dpi=300) (image-coding=JPEG))',
            "JPEG, 300 dpi",
        ),
        ("(x=1)", "(x=1)"),
    ],
)
def test_describe_form(point: str, words: str) -> None:
    assert describe_form(collection(point)).strip("(& )") == words.strip("(& )")


def test_describe_page_device() -> None:
    assert describe_page_device(JUNE) == (
        "device takes black and white TIFF pages only (image-file-structure=TIFF-minimal, color=Binary)"
    )
    assert describe_page_device(said("(& (image-file-structure=TIFF-minimal) (color=[Full,Binary]))")) == (
        "device takes TIFF pages only (image-file-structure=TIFF-minimal, color=[Binary,Full])"
    )


def test_describe_loss() -> None:
    bw = collection("(& (color=Binary) (dpi=204))")
    assert describe_loss(bw, "full", None) == "colour"
    assert describe_loss(bw, "Grey", Fraction(204)) == "shades of grey"
    assert describe_loss(bw, "binary", Fraction(300)) == "resolution (300 dpi before)"
    assert describe_loss(bw, None, None) == ""
    small = collection('(& (type="image/jpeg") (pix-x=1080))')
    assert describe_loss(small, "full", None, feature_set("(pix-x=4000)")) == "size (4000 px wide before)"
