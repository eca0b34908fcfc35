"""Faces for text: pdfium's own Courier for Western European text, fonts of the system for the rest where
there are any.

Which characters a system font has is asked of FreeType through Pillow; the answer is kept for each character.
"""

import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium
from PIL import ImageFont

from conneg.content.readers.layout import character_width

SYSTEM_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
    "/usr/share/fonts/dejavu/DejaVuSansMono.ttf",
)
"""Where Debian and others put fixed-width fonts and one for East Asia; those absent are passed over."""

_BUILT_IN = -1
_SUBSTITUTES = {
    "\N{REPLACEMENT CHARACTER}": "?",
    "\N{NO-BREAK SPACE}": " ",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{NARROW NO-BREAK SPACE}": " ",
    "\N{RIGHTWARDS ARROW}": ">",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
}


def installed_fonts() -> tuple[str, ...]:
    """Return those of `SYSTEM_FONTS` that are there."""
    return tuple(path for path in SYSTEM_FONTS if Path(path).is_file())


@functools.lru_cache(maxsize=1)
def _probes() -> tuple[tuple[ImageFont.FreeTypeFont, bytes], ...]:
    """Return each installed font with its picture of a character that no font has."""
    fonts = [ImageFont.truetype(path, 12) for path in installed_fonts()]
    return tuple((font, bytes(font.getmask("\uffff"))) for font in fonts)


@functools.lru_cache(maxsize=8192)
def _face_of(character: str) -> int | None:
    """Return which face draws the character: `_BUILT_IN`, the number of a system font, or None."""
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        pass
    else:
        return _BUILT_IN
    if character > "\uffff":  # pdfium's text objects have no glyph beyond the basic plane
        return None
    for number, (font, missing) in enumerate(_probes()):
        if bytes(font.getmask(character)) != missing:
            return number
    return None


class FaceCache:
    """The faces loaded into one pdfium document, each when it is first needed."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._faces: dict[int, Any] = {}
        self._octets: list[Any] = []

    def split(self, text: str) -> Iterator[tuple[int, str, Any]]:
        """Yield pieces of `text` that one face draws: columns from the start, the characters, the face."""
        if text.isascii():
            if text:
                yield 0, text, self._face(_BUILT_IN)
            return
        column = start = 0
        piece, current = "", _BUILT_IN
        for character in text:
            character, face = _drawable(character)
            wide = character_width(character) == 2
            if piece and (face != current or wide):
                yield start, piece, self._face(current)
                piece, start = "", column
            piece, current = piece + character, face
            column += character_width(character)
        if piece:
            yield start, piece, self._face(current)

    def _face(self, number: int) -> Any:
        if number not in self._faces:
            self._faces[number] = self._load(number)
        return self._faces[number]

    def _load(self, number: int) -> Any:
        if number == _BUILT_IN:
            return pdfium.FPDFText_LoadStandardFont(self._document, b"Courier")
        octets = Path(installed_fonts()[number]).read_bytes()
        buffer = (ctypes.c_uint8 * len(octets)).from_buffer_copy(octets)
        self._octets.append(buffer)
        face = pdfium.FPDFText_LoadFont(self._document, buffer, len(octets), pdfium.FPDF_FONT_TRUETYPE, 1)
        return face or pdfium.FPDFText_LoadStandardFont(self._document, b"Courier")

    def close(self) -> None:
        """Let go of the faces; before the document is closed."""
        for face in self._faces.values():
            pdfium.FPDFFont_Close(face)
        self._faces.clear()


def _drawable(character: str) -> tuple[str, int]:
    """Return the character, or what stands for it, and the face that has it."""
    face = _face_of(character)
    if face is not None:
        return character, face
    return _SUBSTITUTES.get(character, "?"), _BUILT_IN
