"""The demo's recipients, and what is offered for a text part, a two-page A4 colour PDF and a 12-megapixel photo."""

from fractions import Fraction

from conneg.features import FeatureSet, feature_set
from conneg.negotiation import (
    Capability,
    MessageOffer,
    OfferedPart,
    Provenance,
    baseline,
    profile_expression,
    read_capability,
)

K7 = (
    "(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)(|(&(dpi=204)(dpi-xyratio=[204/98,204/196]) )"
    "(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )(|(image-coding=[MH,MR,MMR])"
    "(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )"
    "(paper-size=[letter,A4,B4])(ua-media=stationery) )"
)
"""Vector K-7 of the fax schema: the capability of draft 6.1."""
PHONE = '(| (& (type=["image/jpeg","image/png"]) (pix-x<=1080)) (type="text/plain"))'
DESK = (
    '(type=["application/pdf","image/jpeg","image/png","image/gif","image/webp","image/heic","image/tiff",'
    '"text/plain","text/html"])'
)


def said(expression: str, source: str = "ifax1.jp") -> Capability:
    return read_capability(expression, Provenance.DIRECTORY, source)


JUNE = said(K7)
MONO = baseline("S")
PHONE_USER = said(PHONE)
DESK_USER = said(DESK)
COLOUR = said(
    f"""(| (& (image-file-structure=TIFF-limited) (image-coding=JPEG) (image-coding-constraint=JPEG-T4E) (MRC-mode=0)
    (color=[Grey,Full]) (color-space=CIELAB) (color-illuminant=D50) (dpi=200) (dpi-xyratio=1) (size-x<=2150/254)
    (paper-size=[A4,letter])) {profile_expression("S")})"""
)
"""Profile C at 200 dpi, or profile S."""


_PAGE = "(size-x=2150/254) (paper-size=[A4,letter]) (ua-media=stationery) (MRC-mode=0)"
_BW_RESOLUTIONS = """(| (& (dpi=204) (dpi-xyratio=[204/98,204/196,204/391])) (& (dpi=200) (dpi-xyratio=[200/100,1]))
    (& (dpi=[300,400]) (dpi-xyratio=1)))"""
BW_PAGES = f"""(& (type="image/tiff") (color=Binary) {_BW_RESOLUTIONS} {_PAGE}
    (| (& (image-file-structure=TIFF-minimal) (image-coding=[MH,MR,MMR]))
       (& (image-file-structure=TIFF-limited) (image-coding=[MH,MR,MMR]))))"""
COLOUR_PAGES = f"""(& (type=["image/tiff","image/tiff-fx"]) (image-file-structure=TIFF-limited) (image-coding=JPEG)
    (image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (color-illuminant=D50) (dpi=[100,200,300]) (dpi-xyratio=1)
    (| (& (color=Grey) (color-levels=256))
       (& (color=Full) (color-levels=16777216) (color-subsampling=["1:1:1","4:1:1"])))
    {_PAGE})"""
PDF_IMAGES = """(| (& (type="application/pdf") (color=[Binary,Grey,Full]))
    (& (type=["image/jpeg","image/png"]) (color=[Grey,Full]) (pix-x>=100) (pix-x<=4960)))"""
PHOTO_IMAGES = '(& (type=["image/jpeg","image/png"]) (color=[Grey,Full]) (pix-x>=16) (pix-x<=4000))'

PAGES = feature_set(f"(| {BW_PAGES} {COLOUR_PAGES})")
NOTHING = FeatureSet.nothing()


def text_part(part_id: str = "1.1", **changes: object) -> OfferedPart:
    values: dict[str, object] = {
        "id": part_id,
        "media_type": "text/plain",
        "label": "the text",
        "octets": 800,
        "features": feature_set('(type="text/plain")'),
        "offer": feature_set(f"(| {BW_PAGES} {COLOUR_PAGES} {PDF_IMAGES})"),
    }
    return OfferedPart(**{**values, **changes})  # type: ignore[arg-type]


def pdf_part(part_id: str = "1.2", **changes: object) -> OfferedPart:
    values: dict[str, object] = {
        "id": part_id,
        "media_type": "application/pdf",
        "label": "survey.pdf",
        "octets": 90_000,
        "features": feature_set('(& (type="application/pdf") (color=Full) (paper-size=A4))'),
        "offer": feature_set(f"(| {BW_PAGES} {COLOUR_PAGES} {PDF_IMAGES})"),
        "colour": "full",
    }
    return OfferedPart(**{**values, **changes})  # type: ignore[arg-type]


def photo_part(part_id: str = "1.3", **changes: object) -> OfferedPart:
    values: dict[str, object] = {
        "id": part_id,
        "media_type": "image/jpeg",
        "label": "photo.jpg",
        "octets": 4_100_000,
        "features": feature_set('(& (type="image/jpeg") (color=Full) (pix-x=4000) (pix-y=3000))'),
        "offer": feature_set(f"(| {BW_PAGES} {COLOUR_PAGES} {PHOTO_IMAGES})"),
        "colour": "full",
        "dpi": Fraction(300),
        "lossless": False,
    }
    return OfferedPart(**{**values, **changes})  # type: ignore[arg-type]


def html_part(part_id: str = "1.4", **changes: object) -> OfferedPart:
    values: dict[str, object] = {
        "id": part_id,
        "media_type": "text/html",
        "label": "the HTML text",
        "octets": 2_000,
        "features": feature_set('(type="text/html")'),
        "offer": NOTHING,
    }
    return OfferedPart(**{**values, **changes})  # type: ignore[arg-type]


def tiff_part(part_id: str = "1", features: str = "", **changes: object) -> OfferedPart:
    values: dict[str, object] = {
        "id": part_id,
        "media_type": "image/tiff",
        "label": "scan.tif",
        "octets": 40_000,
        "features": feature_set(features),
        "offer": feature_set(BW_PAGES),
        "colour": "binary",
        "dpi": Fraction(204),
    }
    return OfferedPart(**{**values, **changes})  # type: ignore[arg-type]


def message(
    *parts: OfferedPart, alternatives: tuple[tuple[str, ...], ...] = (), document: FeatureSet = PAGES
) -> MessageOffer:
    colour = "full" if any(part.colour == "full" for part in parts) else None
    return MessageOffer(parts, document, document_colour=colour, alternatives=alternatives)


WHOLE = message(text_part(), pdf_part(), photo_part())
"""The demo's message."""
