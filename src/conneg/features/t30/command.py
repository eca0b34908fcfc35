"""From DCS to one feature collection: a frame that says what is used has one choice in every group (RFC 2880 2.1).

A frame does not say everything: an illuminant or a gamut of its own, a stripe size and the length of an endless page
are in the image. The collection leaves such a tag out, and `Command.left_to_data` has the bit. The way back is
`conneg.features.t30.composing`.
"""

from fractions import Fraction
from typing import NamedTuple

from conneg.features.collection import FeatureCollection
from conneg.features.errors import FeatureError
from conneg.features.t30.bits import (
    BITS,
    ERROR_CORRECTION,
    INCH,
    MEDIA_BITS,
    NEEDS_ERROR_CORRECTION,
    NOT_DESCRIBED,
)
from conneg.features.t30.choices import (
    AB_GAMUT,
    BI_LEVEL,
    L_GAMUT,
    LENGTHS,
    LEVELS,
    MULTI_LEVEL,
    WIDTHS,
    Choice,
)
from conneg.features.t30.conventions import T30, Conventions, mrc_mode
from conneg.features.t30.frame import Frame, FrameKind, Note
from conneg.features.values import Text, Token, Value

CODINGS = {16: "MR", 31: "MMR", 78: "JBIG", 68: "JPEG", 36: "JBIG"}
"""The bits that choose a coding; without them it is MH."""
MULTI_LEVEL_CODINGS = frozenset((36, 68))
BASE_STRIPE = 128
"""Lines in a stripe of T.85 without bit 79 (RFC 2880 3.18)."""
BASE_MRC_STRIPE = 256
"""The most lines in a stripe of T.44 without bit 95 (RFC 2880 3.20)."""
OPEN_BITS = frozenset((20, 74, 75, 79, 95))
"""The bits that leave a value to the image data."""
_RESOLUTIONS = frozenset((15, 41, 42, 43, 98, *range(105, 110)))
_COLOUR_RESOLUTIONS = {42: 97, 43: 97, 105: 110, 106: 111}
"""Bits of a resolution, each with the one that lets multi-level images have it."""
_NOT_SAID = NOT_DESCRIBED.keys() - {115}
"""Bits of a DCS that use what no tag describes; 115 has no meaning there."""


class Command(NamedTuple):
    """What a DCS says is used. `left_to_data` are the bits whose value only the image data has."""

    collection: FeatureCollection
    left_to_data: frozenset[int]
    notes: tuple[Note, ...]


def read_command(frame: Frame, conventions: Conventions = T30) -> Command:
    """Return what a DCS says is used for the pages that follow.

    Raises `FeatureError` if the frame is no DCS, if two bits make different choices and no rule says which one counts,
    or if it uses something for which there is no feature tag.
    """
    if frame.kind is not FrameKind.DCS:
        raise FeatureError(f"a {frame.kind} says what a machine can do: read it with capability_of")
    return _Reader(frame, conventions).read()


class _Reader:
    """One reading: the bits of media, the values found, and the notes."""

    def __init__(self, frame: Frame, conventions: Conventions) -> None:
        self.bits = frame.bits & MEDIA_BITS
        self.is_inch = INCH in frame.bits
        self.has_correction = conventions.is_media_only or ERROR_CORRECTION in frame.bits
        self.conventions = conventions
        self.values: dict[str, Value] = {}
        self.left: set[int] = set()
        self.notes = list(frame.notes)
        for number in sorted(frame.bits & _NOT_SAID):
            raise FeatureError(f"bit {number} ({BITS[number].meaning}): no feature tag can say it")
        self.notes += [
            Note((number,), f"bit {number} is reserved or unknown")
            for number in sorted(frame.bits - BITS.keys())
        ]

    def read(self) -> Command:
        coding = self._coding()
        self._correction()
        if coding in MULTI_LEVEL_CODINGS:
            self._multi_level(coding)
        else:
            self._bi_level(coding)
        self._resolution(MULTI_LEVEL if coding in MULTI_LEVEL_CODINGS else BI_LEVEL)
        self._sizes()
        self._mrc()
        for tag, values in (
            ("image-file-structure", self.conventions.structures),
            ("ua-media", self.conventions.media),
        ):
            if len(values) == 1:
                self.values[tag] = Token(values[0])
        return Command(FeatureCollection(self.values), frozenset(self.left), tuple(self.notes))

    def _note(self, text: str, *bits: int) -> None:
        self.notes.append(Note(bits, text))

    def _tokens(self, **values: str) -> None:
        self.values.update((name.replace("_", "-"), Token(value)) for name, value in values.items())

    def _coding(self) -> int:
        """Return the bit of the coding, 0 for MH; MMR counts before MR, and T.43, which needs JPEG, before JPEG."""
        chosen = set(self.bits & CODINGS.keys())
        for counts, beside in ((31, 16), (36, 68)):
            if {counts, beside} <= chosen:
                chosen.discard(beside)
                self._note(f"bits {beside} and {counts} are both 1: read as {counts}", beside, counts)
        if len(chosen) > 1:
            names = " and ".join(f"{number} ({BITS[number].meaning})" for number in sorted(chosen))
            raise FeatureError(f"bits {names} are both 1, and a collection has one image-coding")
        return next(iter(chosen), 0)

    def _correction(self) -> None:
        needy = sorted(self.bits & NEEDS_ERROR_CORRECTION)
        if needy and not self.has_correction:
            self._note(f"bit {needy[0]} ({BITS[needy[0]].meaning}) needs bit 27", needy[0], ERROR_CORRECTION)

    def _bi_level(self, coding: int) -> None:
        self._tokens(color="Binary", image_coding=CODINGS.get(coding, "MH"))
        if coding == 78:
            self._tokens(image_coding_constraint="JBIG-T85")
            if 79 in self.bits:
                self.left.add(79)
            else:
                self.values["JBIG-stripe-size"] = Fraction(BASE_STRIPE)

    def _multi_level(self, coding: int) -> None:
        colour = "full" if 69 in self.bits else "grey"
        self._tokens(color=colour.capitalize(), image_coding=CODINGS[coding], color_space="CIELAB")
        self.values["color-levels"] = Fraction(LEVELS[colour][71 in self.bits])
        if coding == 36:
            interleave = "plane" if 37 in self.bits else "stripe"
            self._tokens(image_coding_constraint="JBIG-T43", image_interleave=interleave)
            if colour == "full":
                self._note("bits 36 and 69: the image may also be limited or mapped; read as full", 36, 69)
        else:
            self._tokens(image_coding_constraint="JPEG-T4E")
            if colour == "full":
                self.values["color-subsampling"] = Text("1:1:1" if 73 in self.bits else "4:1:1")
        self._colour_space(colour)

    def _colour_space(self, colour: str) -> None:
        if 74 in self.bits:
            self.left.add(74)
        else:
            self._tokens(color_illuminant="D50")
        if 75 in self.bits:
            self.left.add(75)
        else:
            gamut = L_GAMUT if colour == "grey" else L_GAMUT + AB_GAMUT
            self.values.update((tag, Fraction(value)) for tag, _, value in gamut)

    def _resolution(self, choices: tuple[Choice, ...]) -> None:
        chosen = set(self.bits & _RESOLUTIONS)
        is_coloured = choices is MULTI_LEVEL
        if is_coloured:
            self._multi_level_resolution(chosen)
        elif 98 in chosen:
            chosen.discard(98)
            self._note("bit 98 is for multi-level images: not looked at", 98)
        found = [one for one in choices if one.bits & _RESOLUTIONS == chosen]
        if not found:
            names = ", ".join(map(str, sorted(chosen)))
            kind = "multi-level" if is_coloured else "bi-level"
            raise FeatureError(f"bits {names}: not one resolution (dpi) of {kind} images")
        one = next((one for one in found if is_coloured or one.is_inch in (None, self.is_inch)), found[0])
        self.values["dpi"] = Fraction(one.resolution.dpi)
        self.values["dpi-xyratio"] = one.resolution.ratio

    def _multi_level_resolution(self, chosen: set[int]) -> None:
        """Leave one bit: 15 goes with every other one, and is the base; note a bit without the one for colour."""
        if len(chosen) > 1:
            chosen.discard(15)
        if not chosen:
            chosen.add(15)
            self._note("bit 15 is 0 beside multi-level coding: read as 1", 15)
        for number in chosen & _COLOUR_RESOLUTIONS.keys():
            if _COLOUR_RESOLUTIONS[number] not in self.bits:
                beside = _COLOUR_RESOLUTIONS[number]
                self._note(f"bit {number} is for multi-level images only with bit {beside}", number, beside)

    def _sizes(self) -> None:
        if {17, 18} <= self.bits:
            self._note("bits 17 and 18 are both 1: read as 18, scan lines of 303 mm", 17, 18)
        if {19, 20} <= self.bits:
            self._note("bits 19 and 20 are both 1: read as 20, pages of any length", 19, 20)
        if {76, 77} <= self.bits:
            self._note("bits 76 and 77 are both 1: read as 77, legal paper", 76, 77)
        self.values["size-x"] = max(width for bit, width in WIDTHS if not bit or bit in self.bits)
        paper = self._paper()
        if paper:
            self._tokens(paper_size=paper)
        if 20 in self.bits:
            self.left.add(20)
        elif 19 in self.bits or not self.bits & {76, 77}:
            self.values["size-y"] = max(length for bit, length in LENGTHS if not bit or bit in self.bits)

    def _paper(self) -> str:
        """Return the paper, "" if the frame does not show it: scan lines or pages that are no longer those of A4."""
        if self.bits & {76, 77}:
            return "legal" if 77 in self.bits else "letter"
        if not self.bits & {17, 18, 19, 20}:
            return "A4"
        if not self.conventions.has_large_paper:
            return ""
        if 18 in self.bits:
            return "A3" if 20 in self.bits else ""
        return "B4" if 17 in self.bits else ""

    def _mrc(self) -> None:
        mode = mrc_mode(self.bits, self.conventions.mrc_order)
        self.values["MRC-mode"] = Fraction(mode)
        if mode and 95 in self.bits:
            self.left.add(95)
        elif mode:
            self.values["MRC-max-stripe-size"] = Fraction(BASE_MRC_STRIPE)
