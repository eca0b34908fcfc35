"""A packed bi-level page as the strip of a TIFF-FX file: MH, MR, MMR or JBIG, with the fields that say which.

Used for pages of profiles S, F and J, and for the masks of profile M. The first bit is the lowest of its octet
(FillOrder 2) in all of them.
"""

from dataclasses import dataclass
from fractions import Fraction

from conneg.content import jbig
from conneg.content.codings import Coding, StripForm, encode, reversed_bits
from conneg.content.errors import ConversionError
from conneg.content.halftone import Packed
from conneg.content.tiff import Field, FieldType, Tag
from conneg.content.writers.terms import number_of, text_of
from conneg.features import FeatureCollection

FILL_ORDER = 2
JBIG = 9
"""The value of Compression for T.82 in the form of T.85 (RFC 3949, 5.2.1)."""


@dataclass(frozen=True, slots=True)
class BilevelCoding:
    """What a target asks for: `coding`, None being JBIG, and the lines of a stripe of JBIG."""

    coding: Coding | None
    stripe_lines: int = jbig.STRIPE_LINES


@dataclass(frozen=True, slots=True)
class BilevelStrip:
    """A coded page: the value of Compression, the field with its options, and the octets."""

    compression: int
    options: Field
    octets: bytes


def bilevel_coding(target: FeatureCollection, usual: str = "mh") -> BilevelCoding | None:
    """Return the bi-level coding that `target` names, or `usual`; None when it names another kind of coding."""
    stated = text_of(target, "image-coding") or usual
    if stated == "jbig":
        constraint = text_of(target, "image-coding-constraint")
        if constraint == "jbig-t43":
            raise ConversionError("JBIG by T.43 (profile L of TIFF-FX) is not written")
        lines = number_of(target, "JBIG-stripe-size")
        return BilevelCoding(None, int(lines) if lines else jbig.STRIPE_LINES)
    try:
        return BilevelCoding(Coding(stated.upper()))
    except ValueError:
        return None


def bilevel_strip(packed: Packed, width: int, dpi_y: Fraction, wanted: BilevelCoding) -> BilevelStrip:
    """Return `packed` coded as `wanted`. Raises CodingError or JbigError for what cannot be coded."""
    height = len(packed)
    if wanted.coding is None:
        bie = jbig.encode(packed.tobytes(), width, height, wanted.stripe_lines)
        return BilevelStrip(JBIG, _long(Tag.T82_OPTIONS, 0), reversed_bits(bie))
    form = StripForm(width, height, wanted.coding, dpi_y=float(dpi_y), fill_order=FILL_ORDER)
    options = (
        _long(Tag.T6_OPTIONS, 0) if wanted.coding is Coding.MMR else _long(Tag.T4_OPTIONS, form.t4_options)
    )
    return BilevelStrip(form.compression, options, encode(packed, form))


def _long(tag: Tag, value: int) -> Field:
    return Field(tag, FieldType.LONG, (value,))
