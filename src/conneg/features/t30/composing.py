"""From one feature collection to DCS: each group gets the one choice that the collection states (RFC 2880 2.1)."""

from collections.abc import Iterable
from fractions import Fraction

from conneg.features.collection import FeatureCollection
from conneg.features.errors import FeatureError
from conneg.features.t30.bits import ERROR_CORRECTION, INCH, MEDIA_BITS, NEEDS_ERROR_CORRECTION, NOT_DESCRIBED
from conneg.features.t30.choices import AB_GAMUT, BI_LEVEL, L_GAMUT, LENGTHS, LEVELS, MULTI_LEVEL, WIDTHS
from conneg.features.t30.command import BASE_MRC_STRIPE, BASE_STRIPE, OPEN_BITS
from conneg.features.t30.conventions import T30, Conventions, mrc_bits
from conneg.features.t30.frame import Frame, FrameKind, make_frame
from conneg.features.values import Text, Token, Value

_METRIC = frozenset((204, 408))
_BI_LEVEL_CODINGS = {"mh": frozenset[int](), "mr": frozenset((16,)), "mmr": frozenset((31,))}
_LIMITED = {"device-rgb": 8, "device-cmy": 8, "device-cmyk": 16}
"""The most levels of one bit for a component (RFC 2880 5.3)."""
_WIDTH_TOLERANCE = Fraction(1021, 1000)
"""Documents whose scan line is pixels by 200 dpi exceed the nominal one by 2.07 % (digest, section 5, DECISION)."""
_GAMUT_TOLERANCE = Fraction(1, 2)
"""The default gamut of T.42 in full is -85.33 to 84.67 and -75.29 to 124.71 (digest, section 6)."""
_PAPERS = {
    "a4": (0, Fraction(2970, 254), frozenset[int]()),
    "letter": (0, Fraction(11), frozenset((76,))),
    "legal": (0, Fraction(14), frozenset((77,))),
    "b4": (1, Fraction(3530, 254), frozenset((19,))),
    "a3": (2, Fraction(4200, 254), frozenset((20,))),
}
"""For each paper: the place in `WIDTHS` of the scan line that it wants, its length in inches, and the bits for it."""


def write_command(
    collection: FeatureCollection,
    left_to_data: Iterable[int] = (),
    conventions: Conventions = T30,
    *,
    other_bits: Iterable[int] = (),
) -> Frame:
    """Return the DCS that says that `collection` is used.

    `left_to_data` are bits of `conneg.features.t30.command.OPEN_BITS` to set because the image data has the value.
    Illuminant, gamut, subsampling and levels that are not stated are those of every machine; a stripe size must be
    stated or left to the data. Without `size-y` the length is that of the paper, or any. `other_bits` are set besides,
    such as 10 and the modem's. Tags that no frame carries are not looked at.

    Raises `FeatureError`, which names the tag, for what a frame cannot state.
    """
    left = frozenset(left_to_data)
    others = frozenset(other_bits)
    wrong = sorted((left - OPEN_BITS) | (others & (MEDIA_BITS | NOT_DESCRIBED.keys())))
    if wrong:
        raise FeatureError(f"bit {wrong[0]} says something of media: only the collection can set it")
    writer = _Writer(collection, left, conventions)
    colour = writer.token("color", ("binary", "grey", "full", "limited", "mapped"))
    bits = writer.bi_level() if colour == "binary" else writer.multi_level(colour)
    bits |= writer.resolution(colour == "binary") | writer.sizes() | writer.mrc()
    if bits & NEEDS_ERROR_CORRECTION and not conventions.is_media_only:
        bits |= {ERROR_CORRECTION}
    return make_frame(FrameKind.DCS, bits | others)


class _Writer:
    """Reads the tags of one collection and gives the bits for them, group by group."""

    def __init__(self, collection: FeatureCollection, left: frozenset[int], conventions: Conventions) -> None:
        self.collection = collection
        self.left = left
        self.conventions = conventions

    def token(self, tag: str, allowed: Iterable[str], usual: str | None = None) -> str:
        """Return the token of `tag` in small letters, `usual` if it is not stated; it must be among `allowed`."""
        value = self.collection.get(tag)
        if value is None and usual is not None:
            return usual
        folded = value.folded if isinstance(value, Token) else ""
        if folded not in allowed:
            raise _cannot_say(tag, value)
        return folded

    def number(self, tag: str) -> Fraction | None:
        """Return the number of `tag`, None if it is not stated."""
        value = self.collection.get(tag)
        if value is not None and not isinstance(value, Fraction):
            raise _cannot_say(tag, value)
        return value

    def bi_level(self) -> frozenset[int]:
        levels = self.number("color-levels")
        if levels not in (None, 2):
            raise _cannot_say("color-levels", levels)
        coding = self.token("image-coding", (*_BI_LEVEL_CODINGS, "jbig"))
        if coding != "jbig":
            return _BI_LEVEL_CODINGS[coding]
        self.token("image-coding-constraint", ("jbig-t85",), "jbig-t85")
        return frozenset((78,)) | self._open("JBIG-stripe-size", 79, BASE_STRIPE, BASE_STRIPE)

    def multi_level(self, colour: str) -> frozenset[int]:
        coding = self.token("image-coding", ("jpeg", "jbig") if colour in ("grey", "full") else ("jbig",))
        bits = {68 if coding == "jpeg" else 36}
        constraint = "jpeg-t4e" if coding == "jpeg" else "jbig-t43"
        self.token("image-coding-constraint", (constraint,), constraint)
        if colour != "grey":
            bits.add(69)
        if coding == "jbig" and self.token("image-interleave", ("stripe", "plane"), "stripe") == "plane":
            bits.add(37)
        if coding == "jpeg" and colour == "full" and self._is_without_subsampling():
            bits.add(73)
        return frozenset(bits) | (self._limited() if colour == "limited" else self._calibrated(colour))

    def _is_without_subsampling(self) -> bool:
        sampling = self.collection.get("color-subsampling")
        if sampling not in (None, Text("4:1:1"), Text("1:1:1")):
            raise _cannot_say("color-subsampling", sampling)
        return sampling == Text("1:1:1")

    def _limited(self) -> frozenset[int]:
        space = self.token("color-space", _LIMITED, "device-cmyk")
        self._check_levels(_LIMITED[space])
        return frozenset()

    def _calibrated(self, colour: str) -> frozenset[int]:
        self.token("color-space", ("cielab",), "cielab")
        fewer, more = LEVELS[colour]
        levels = self._check_levels(more)
        bits = {71} if levels is not None and levels > fewer else set()
        illuminant = self.collection.get("color-illuminant")
        if illuminant is not None and not isinstance(illuminant, Token):
            raise _cannot_say("color-illuminant", illuminant)
        if 74 in self.left or illuminant not in (None, Token("D50")):
            bits.add(74)
        gamut = L_GAMUT if colour == "grey" else L_GAMUT + AB_GAMUT
        if 75 in self.left or not all(self._is_inside(*limit) for limit in gamut):
            bits.add(75)
        return frozenset(bits)

    def _check_levels(self, most: int) -> Fraction | None:
        levels = self.number("color-levels")
        if levels is not None and not 2 <= levels <= most:
            raise _cannot_say("color-levels", levels)
        return levels

    def _is_inside(self, tag: str, operator: str, limit: int) -> bool:
        value = self.number(tag)
        if value is None:
            return True
        return value >= limit - _GAMUT_TOLERANCE if operator == ">=" else value <= limit + _GAMUT_TOLERANCE

    def resolution(self, is_bi_level: bool) -> frozenset[int]:
        dpi = self.number("dpi")
        ratio = Fraction(1) if "dpi-xyratio" not in self.collection else self.number("dpi-xyratio")
        kind = "bi-level" if is_bi_level else "multi-level"
        choices = [one for one in (BI_LEVEL if is_bi_level else MULTI_LEVEL) if one.resolution.dpi == dpi]
        if dpi is None or not choices:
            raise _cannot_say("dpi", dpi, f" for {kind} images")
        chosen = next((one for one in choices if one.resolution.ratio == ratio), None)
        if chosen is None:
            raise _cannot_say("dpi-xyratio", ratio, f" for {kind} images with dpi={dpi}")
        return chosen.bits if dpi in _METRIC else chosen.bits | {INCH}

    def sizes(self) -> frozenset[int]:
        paper = self.token("paper-size", _PAPERS, "")
        size_x, size_y = self.number("size-x"), self.number("size-y")
        if size_x is None and not paper:
            raise FeatureError("size-x: neither it nor paper-size is stated, and a frame must state a width")
        place, length, bits = _PAPERS[paper] if paper else (0, Fraction(0), frozenset[int]())
        width = WIDTHS[self._width(size_x) if size_x is not None else place][0]
        found = bits & {76, 77} | ({width} if width else frozenset())
        if 20 in self.left:
            return found | {20}
        if size_y is None:
            return found | ((bits & {19, 20}) if paper else {20})
        if paper in ("letter", "legal") and size_y <= length:
            return found
        return found | _length(size_y)

    def _width(self, size_x: Fraction) -> int:
        """Return the place in `WIDTHS` of the shortest scan line that is long enough."""
        for place, (_, width) in enumerate(WIDTHS):
            if 0 < size_x <= width * _WIDTH_TOLERANCE:
                return place
        raise _cannot_say("size-x", size_x, ": scan lines are up to 3030/254 inches")

    def mrc(self) -> frozenset[int]:
        mode = self.number("MRC-mode") or Fraction(0)
        if mode not in range(8):
            raise _cannot_say("MRC-mode", mode, ": modes are 0 to 7")
        if not mode:
            return frozenset()
        stripes = self._open("MRC-max-stripe-size", 95, 0, BASE_MRC_STRIPE)
        return mrc_bits(int(mode), self.conventions.mrc_order) | stripes

    def _open(self, tag: str, bit: int, least: int, most: int) -> frozenset[int]:
        """Return `bit` if the number of `tag` is outside these limits or left to the data."""
        if bit in self.left:
            return frozenset((bit,))
        value = self.number(tag)
        if value is None or value < 0:
            raise _cannot_say(tag, value, f"; state it, or leave bit {bit} to the data")
        return frozenset[int]() if least <= value <= most else frozenset((bit,))


def _length(size_y: Fraction) -> frozenset[int]:
    for bit, length in LENGTHS:
        if size_y <= length:
            return frozenset((bit,)) if bit else frozenset()
    return frozenset((20,))


def _cannot_say(tag: str, value: Value | None, more: str = "") -> FeatureError:
    shown = "is not stated" if value is None else f"={value} has no bit"
    return FeatureError(f"{tag}{'' if value is not None else ' '}{shown} in T.30{more}")
