"""An SVG made harmless and given a size: markup in, markup out. Nothing is fetched, opened or run.

The markup is read by expat, which expands entities within its own bound, and written again without scripts, document
type and processing instructions; references to anything outside the file are left out and counted.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from xml.parsers import expat

from conneg.bounds import Bound

MAX_SVG_OCTETS = Bound(
    name="content.svg-octets",
    value=16 << 20,
    unit="octets of SVG, entities expanded",
    reason="all of it is in memory several times; entities may multiply a small file",
    answer="ContentRefusedError",
)
MAX_SVG_DEPTH = Bound(
    name="content.svg-depth",
    value=200,
    unit="elements in each other",
    reason="renderers go down by recursion, and no drawing needs so many",
    answer="ContentRefusedError",
)
PIXELS_AN_INCH = 96
"""CSS pixels, which the bare numbers of SVG are (CSS Values 3, 6.2)."""

_UNITS = {
    "": Fraction(1),
    "px": Fraction(1),
    "in": Fraction(96),
    "cm": Fraction(9600, 254),
    "mm": Fraction(960, 254),
    "pt": Fraction(4, 3),
    "pc": Fraction(16),
    "em": Fraction(16),
    "ex": Fraction(8),
}
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([a-zA-Z]*)\s*")
_DEFAULT = (Fraction(300), Fraction(150))
"""The size of a picture that states none (CSS 2.1, 10.3.2)."""

_LEFT_OUT = frozenset({"script", "foreignobject", "iframe", "audio", "video", "handler", "listener"})


class SvgProblemError(ValueError):
    """The markup is no SVG that can be drawn."""


@dataclass(frozen=True, slots=True)
class CleanSvg:
    """Harmless markup of the root element, its size in CSS pixels, whether it has text, and what was left out."""

    markup: str
    width: Fraction
    height: Fraction
    has_text: bool
    references: int

    def sized(self, width: int, height: int) -> str:
        """Return the markup of a picture that fills `width` by `height` pixels, whatever its proportions are."""
        box = f"0 0 {float(self.width):.6f} {float(self.height):.6f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="{box}"'
            f' preserveAspectRatio="none">{self.markup}</svg>'
        )


def clean_svg(octets: bytes) -> CleanSvg:
    """Return the SVG without anything that reaches outside of it.

    Raises SvgProblemError for what is no well-formed SVG, BoundExceededError for what is too large or too deep.
    """
    MAX_SVG_OCTETS.check(len(octets), "an SVG")
    writer = _Writer()
    parser = expat.ParserCreate()
    parser.ordered_attributes = False
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = writer.start
    parser.EndElementHandler = writer.end
    parser.CharacterDataHandler = writer.characters
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise SvgProblemError(f"not well-formed XML ({error})") from error
    return writer.result()


class _Writer:
    """Writes what expat reads."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._octets = 0
        self._depth = 0
        self._skipped_from: int | None = None
        self._size = _DEFAULT
        self._has_text = False
        self._references = 0

    def result(self) -> CleanSvg:
        return CleanSvg("".join(self._pieces), *self._size, self._has_text, self._references)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        MAX_SVG_DEPTH.check(self._depth, "an SVG")
        local = _local(name)
        if self._depth == 1:
            if local != "svg":
                raise SvgProblemError(f"the root element is {local[:40]}, not svg")
            self._size = _size(attributes)
            width, height = self._size
            attributes = {**attributes, "width": f"{float(width):.6f}", "height": f"{float(height):.6f}"}
        if self._skipped_from is not None:
            return
        if local in _LEFT_OUT:
            self._skipped_from = self._depth
            return
        self._has_text = self._has_text or local == "text"
        self._put("".join([f"<{name}", *(self._attribute(local, *pair) for pair in attributes.items()), ">"]))

    def end(self, name: str) -> None:
        if self._skipped_from is None:
            self._put(f"</{name}>")
        elif self._skipped_from == self._depth:
            self._skipped_from = None
        self._depth -= 1

    def characters(self, text: str) -> None:
        if self._skipped_from is None:
            self._put(html.escape(text, quote=False))

    def _attribute(self, element: str, name: str, value: str) -> str:
        """Return the attribute as markup; nothing for what runs or reaches outside."""
        if _local(name).startswith("on"):
            return ""
        if _local(name) in {"href", "src"} and element != "a" and not _is_inside(value):
            self._references += 1
            return ""
        return f' {name}="{html.escape(value)}"'

    def _put(self, piece: str) -> None:
        self._octets += len(piece)
        MAX_SVG_OCTETS.check(self._octets, "an SVG")
        self._pieces.append(piece)


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _is_inside(reference: str) -> bool:
    """Whether a reference stays in the file: a fragment of it, or data written out."""
    return reference.lstrip().lower().startswith(("#", "data:"))


def _size(attributes: Mapping[str, str]) -> tuple[Fraction, Fraction]:
    """Return width and height in CSS pixels: as stated, else those of the view box, which also gives proportions."""
    box = _view_box(attributes.get("viewBox", ""))
    width, height = _length(attributes.get("width", "")), _length(attributes.get("height", ""))
    if box is not None:
        if width is None and height is None:
            return box
        width = width or (height or box[1]) * box[0] / box[1]
        height = height or width * box[1] / box[0]
    return width or _DEFAULT[0], height or _DEFAULT[1]


def _view_box(text: str) -> tuple[Fraction, Fraction] | None:
    numbers = [_length(word) for word in text.replace(",", " ").split()[2:4]]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1]


def _length(text: str) -> Fraction | None:
    """Return a length above zero in CSS pixels; None for a share of something, and for what is no length."""
    found = _LENGTH.fullmatch(text[:60])
    unit = found and _UNITS.get(found[2].lower())
    if not found or not unit:
        return None
    length = Fraction(float(found[1])).limit_denominator(10_000) * unit if _is_sane(found[1]) else Fraction(0)
    return length if length > 0 else None


def _is_sane(number: str) -> bool:
    return abs(float(number)) < 1e9
