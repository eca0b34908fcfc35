"""Text into glyphs through HarfBuzz, where it is installed (uharfbuzz): which glyphs, and where each stands.

Lengths are in ems. Fonts come from the system, never from a document.
"""

import functools
import importlib.util
from typing import Any, NamedTuple


class Glyph(NamedTuple):
    """A glyph of a font by its `number`, and its place from the beginning of the text, `y` upwards."""

    number: int
    x: float
    y: float


class Shaped(NamedTuple):
    """Glyphs from left to right, and the advance of all."""

    glyphs: tuple[Glyph, ...]
    advance: float


@functools.cache
def is_there() -> bool:
    """Whether HarfBuzz can be used."""
    return importlib.util.find_spec("uharfbuzz") is not None


def has_glyph(path: str, character: str) -> bool:
    """Whether the font file has a glyph for the character."""
    font, _ = _font(path)
    return bool(font.get_nominal_glyph(ord(character)))


@functools.lru_cache(maxsize=4096)
def shape(path: str, text: str, right_to_left: bool) -> Shaped:
    """Return `text`, which is in the order of reading and of one direction, in glyphs of the font file."""
    import uharfbuzz

    font, units = _font(path)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if right_to_left else "ltr"
    uharfbuzz.shape(font, buffer)
    glyphs, x, y = [], 0, 0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append(Glyph(info.codepoint, (x + place.x_offset) / units, (y + place.y_offset) / units))
        x, y = x + place.x_advance, y + place.y_advance
    return Shaped(tuple(glyphs), x / units)


@functools.lru_cache(maxsize=256)
def _font(path: str) -> tuple[Any, int]:
    """Return HarfBuzz's font and its units an em."""
    import uharfbuzz

    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path))
    return uharfbuzz.Font(face), face.upem
