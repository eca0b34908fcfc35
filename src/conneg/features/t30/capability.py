"""From DIS or DTC to a capability: one branch for each class of colour (RFC 2880 section 5; digest, section 7.1).

RFC 2880 combines decision tables with `&`, and two of their rows come out wrong that way: grey images become impossible
beside colour, and any bi-level resolution passes beside 100 dpi. A branch for each class says what was meant; it is
equivalent to the simplified expressions of RFC 2880 6.1 and 6.2.
"""

from typing import NamedTuple

from conneg.features.errors import FeatureError
from conneg.features.expression import Expression
from conneg.features.reading import parse
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.t30.choices import AB_GAMUT, BI_LEVEL, L_GAMUT, LENGTHS, LEVELS, MULTI_LEVEL, WIDTHS
from conneg.features.t30.conventions import T30, Conventions, mrc_mode
from conneg.features.t30.effect import effect
from conneg.features.t30.frame import Frame, FrameKind, Note
from conneg.features.values import Token


class Capability(NamedTuple):
    """What a machine says it takes: an expression, its meaning, and what was odd in the frame."""

    expression: Expression
    features: FeatureSet
    notes: tuple[Note, ...]


def capability_of(frame: Frame, conventions: Conventions = T30) -> Capability:
    """Return what a machine with this DIS or DTC takes; contradicting bits are read so that it promises less.

    Raises `FeatureError` for a DCS, and for a structure or medium in `conventions` that is no token.
    """
    if frame.kind is FrameKind.DCS:
        raise FeatureError("a DCS says what is used, not what a machine can do: read it with read_command")
    counting, notes = effect(frame.bits, conventions)
    expression = expression_of(counting, conventions)
    return Capability(expression, feature_set(expression), frame.notes + notes)


def expression_of(bits: frozenset[int], conventions: Conventions) -> Expression:
    """Return the capability that bits say which all count; see `conneg.features.t30.effect.effect`."""
    terms = [
        _any([_binary(bits), *_coloured(bits)]),
        *_mrc(mrc_mode(bits, conventions.mrc_order), 95 in bits),
        f"(size-x<={max(width for bit, width in WIDTHS if not bit or bit in bits)})",
        *_length(bits),
        f"(paper-size=[{','.join(papers(bits, conventions))}])",
        *_listed("image-file-structure", conventions.structures),
        *_listed("ua-media", conventions.media),
    ]
    return parse(_all(terms))


def papers(bits: frozenset[int], conventions: Conventions) -> list[str]:
    """Return the papers that a machine with these bits takes (RFC 2880 5.4; digest, section 7.1, DECISION)."""
    found = ["A4"]
    found += ["letter"] * (76 in bits) + ["legal"] * (77 in bits)
    if conventions.has_large_paper:
        found += ["B4"] * bool(bits & {17, 18}) + ["A3"] * ({18, 20} <= bits)
    return found


def _binary(bits: frozenset[int]) -> str:
    codings = ["MH"] + ["MR"] * (16 in bits) + ["MMR"] * (31 in bits)
    ways = [f"(image-coding=[{','.join(codings)}])"]
    if 78 in bits:
        stripe = "(JBIG-stripe-size>=0)" if 79 in bits else "(JBIG-stripe-size=128)"
        ways.append(_all(["(image-coding=JBIG)", "(image-coding-constraint=JBIG-T85)", stripe]))
    resolutions = [
        f"(& (dpi={one.resolution.dpi}) (dpi-xyratio={one.resolution.text}))"
        for one in BI_LEVEL
        if one.bits <= bits
    ]
    return _all(["(color=Binary)", _any(ways), _any(resolutions)])


def _coloured(bits: frozenset[int]) -> list[str]:
    """Return the branches GREY, FULL, LIMITED and MAPPED, as far as the bits allow them."""
    if 68 not in bits:
        return []
    square = [str(one.resolution.dpi) for one in MULTI_LEVEL if one.bits <= bits]
    tail = [f"(dpi=[{','.join(square)}])", "(dpi-xyratio=1)"]
    jpeg = "(& (image-coding=JPEG) (image-coding-constraint=JPEG-T4E))"
    t43 = _t43(bits) if 36 in bits else []
    found = [_all(["(color=Grey)", _any([jpeg, *t43]), *_calibrated("grey", bits), *tail])]
    if 69 in bits:
        sampling = '(color-subsampling=["1:1:1","4:1:1"])' if 73 in bits else '(color-subsampling="4:1:1")'
        codings = _any([_all([jpeg, sampling]), *t43])
        found.append(_all(["(color=Full)", codings, *_calibrated("full", bits), *tail]))
        if t43:
            found.append(_all(["(color=Limited)", *t43, _LIMITED_SPACES, *tail]))
            found.append(_all(["(color=Mapped)", *t43, *_calibrated("mapped", bits), *tail]))
    return found


_LIMITED_SPACES = """(| (& (color-space=[Device-RGB,Device-CMY]) (color-levels<=8))
 (& (color-space=Device-CMYK) (color-levels<=16)))"""


def _t43(bits: frozenset[int]) -> list[str]:
    interleave = "[stripe,plane]" if 37 in bits else "stripe"
    terms = ["(image-coding=JBIG)", "(image-coding-constraint=JBIG-T43)", f"(image-interleave={interleave})"]
    return [_all(terms)]


def _calibrated(colour: str, bits: frozenset[int]) -> list[str]:
    """Return levels, colour space, illuminant and gamut of one class of colour."""
    terms = [f"(color-levels<={LEVELS[colour][71 in bits]})", "(color-space=CIELAB)"]
    if 74 not in bits:
        terms.append("(color-illuminant=D50)")
    if 75 not in bits:
        gamut = L_GAMUT if colour == "grey" else L_GAMUT + AB_GAMUT
        terms += [f"({tag}{operator}{value})" for tag, operator, value in gamut]
    return terms


def _mrc(mode: int, has_page_stripes: bool) -> list[str]:
    if not mode:
        return ["(MRC-mode=0)"]
    stripe = "(MRC-max-stripe-size>=0)" if has_page_stripes else "(MRC-max-stripe-size=[0..256])"
    return [f"(MRC-mode<={mode})", stripe]


def _length(bits: frozenset[int]) -> list[str]:
    if 20 in bits:
        return []
    return [f"(size-y<={max(length for bit, length in LENGTHS if not bit or bit in bits)})"]


def _listed(tag: str, values: tuple[str, ...]) -> list[str]:
    return [f"({tag}=[{','.join(str(Token(value)) for value in values)}])"] if values else []


def _all(terms: list[str]) -> str:
    return f"(& {' '.join(terms)})"


def _any(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"(| {' '.join(terms)})"
