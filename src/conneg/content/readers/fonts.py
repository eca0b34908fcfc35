"""Faces for text: pdfium's own Courier for Western European text, fonts of the system for the rest where there are any.

A font of the system is shaped by HarfBuzz where that is installed (`conneg.content.readers.shaping`): letters of Arabic
join, marks stand where they belong, scripts of India are put together, and characters beyond the basic plane have
glyphs. Without it pdfium draws character by character.
"""

import ctypes
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2.raw as pdfium
from PIL import ImageFont

from conneg.content.readers import bidi, shaping
from conneg.content.readers.layout import JOINERS, Run, character_width
from conneg.content.readers.systemfonts import SYSTEM_FONTS, SYSTEM_FONTS_BY_SCRIPT

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


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters that one face draws side by side: from `column` on, `columns` wide, in the order of reading.

    `font` is the number of a system font, or None for the face built in.
    """

    column: int
    columns: int
    text: str
    right_to_left: bool
    font: int | None


@functools.cache
def installed_fonts() -> tuple[str, ...]:
    """Return those of `SYSTEM_FONTS` that are there, then those for single scripts."""
    found = [path for path in SYSTEM_FONTS if Path(path).is_file()]
    folder, pattern = SYSTEM_FONTS_BY_SCRIPT
    return (*found, *sorted(map(str, Path(folder).glob(pattern))))


@functools.lru_cache(maxsize=256)
def _probe(path: str) -> tuple[ImageFont.FreeTypeFont, bytes]:
    """Return a font with its picture of a character that no font has."""
    font = ImageFont.truetype(path, 12)
    return font, bytes(font.getmask("\uffff"))


def _has(path: str, character: str) -> bool:
    if shaping.is_there():
        return shaping.has_glyph(path, character)
    font, missing = _probe(path)
    return character <= "\uffff" and bytes(font.getmask(character)) != missing


@functools.lru_cache(maxsize=8192)
def _face_of(cluster: str) -> int | None:
    """Return which face draws all characters of a cluster: `_BUILT_IN`, the number of a system font, or None."""
    try:
        cluster.encode("cp1252")
    except UnicodeEncodeError:
        pass
    else:
        return _BUILT_IN
    needed = [character for character in cluster if character not in JOINERS]
    for number, path in enumerate(installed_fonts()):
        if all(_has(path, character) for character in needed):
            return number
    return None


def pieces_of(run: Run) -> Iterator[Piece]:
    """Yield what of `run` is drawn at once: words of one face, and each wide character by itself."""
    if run.text.isascii() and not run.right_to_left:
        if run.text:
            yield Piece(run.column, len(run.text), run.text, False, None)
        return
    width = sum(map(character_width, run.text))

    def piece(start: int, columns: int, text: str, face: int) -> Piece:
        column = width - start - columns if run.right_to_left else start
        font = None if face == _BUILT_IN else face
        return Piece(run.column + column, columns, text, run.right_to_left, font)

    text, start, columns, current = "", 0, 0, _BUILT_IN
    for cluster in _clusters(run.text):
        shown, face = _drawable(cluster)
        wide = character_width(cluster[0]) == 2
        apart = wide or shown == " " or face != current
        if text and apart:
            yield piece(start, columns, text, current)
            start, text, columns = start + columns, "", 0
        current = face
        own = sum(map(character_width, cluster))
        if shown == " ":
            start += own
            continue
        text, columns = text + shown, columns + own
        if wide:
            yield piece(start, columns, text, current)
            start, text, columns = start + columns, "", 0
    if text:
        yield piece(start, columns, text, current)


def without_face(text: str) -> int:
    """Return how many visible characters of a text are shown as question marks, because no face has them."""
    if text.isascii():
        return 0
    return sum(
        cluster != "\N{REPLACEMENT CHARACTER}" and _drawable(cluster) == ("?", _BUILT_IN)
        for cluster in _clusters(text)
        if cluster.isprintable() and cluster != "?" and cluster[0] not in _SUBSTITUTES
    )


def _clusters(text: str) -> Iterator[str]:
    """Yield characters with the marks and joiners that belong to them."""
    cluster = ""
    for character in text:
        if cluster and character_width(character) > 0:
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _drawable(cluster: str) -> tuple[str, int]:
    """Return the cluster, or what stands for it, and the face that has it; a mark without a face is left out."""
    face = _face_of(cluster)
    if face is not None:
        return cluster, face
    base = cluster[0]
    face = _face_of(base)
    if face is not None:
        return base, face
    return _SUBSTITUTES.get(base, "?"), _BUILT_IN


class FaceCache:
    """The faces loaded into one pdfium document, each when it is first needed; they draw pieces of text."""

    def __init__(self, document: Any, point_size: float) -> None:
        self._document = document
        self._size = point_size
        self._faces: dict[int | None, Any] = {}
        self._octets: list[Any] = []

    def insert(self, page: Any, piece: Piece, left: float, baseline: float, width: float) -> None:
        """Put the piece on a pdfium page: from `left` on, in points, and no wider than `width`."""
        face = self._face(piece.font)
        if piece.font is None or not shaping.is_there():
            text = piece.text if not piece.right_to_left else bidi.mirrored(piece.text)[::-1]
            self._put(page, self._of_characters(face, text), left, baseline)
            return
        path = installed_fonts()[piece.font]
        shaped = shaping.shape(path, piece.text, piece.right_to_left)
        own = shaped.advance * self._size
        squeeze = min(1.0, width / own) if own else 1.0
        start = left + (width - own * squeeze if piece.right_to_left else 0)
        for glyph in shaped.glyphs:
            x, y = start + glyph.x * self._size * squeeze, baseline + glyph.y * self._size
            self._put(page, self._of_glyph(face, glyph.number), x, y, squeeze)

    def _put(self, page: Any, made: Any, x: float, y: float, squeeze: float = 1.0) -> None:
        pdfium.FPDFPageObj_Transform(made, squeeze, 0, 0, 1, x, y)
        pdfium.FPDFPage_InsertObject(page, made)

    def _of_characters(self, face: Any, text: str) -> Any:
        made = pdfium.FPDFPageObj_CreateTextObj(self._document, face, self._size)
        octets = text.encode("utf-16-le", "replace") + b"\x00\x00"
        pdfium.FPDFText_SetText(made, (ctypes.c_ushort * (len(octets) // 2)).from_buffer_copy(octets))
        return made

    def _of_glyph(self, face: Any, number: int) -> Any:
        made = pdfium.FPDFPageObj_CreateTextObj(self._document, face, self._size)
        pdfium.FPDFText_SetCharcodes(made, (ctypes.c_uint32 * 1)(number), 1)
        return made

    def _face(self, number: int | None) -> Any:
        if number not in self._faces:
            self._faces[number] = self._load(number)
        return self._faces[number]

    def _load(self, number: int | None) -> Any:
        if number is None:
            return pdfium.FPDFText_LoadStandardFont(self._document, b"Courier")
        octets = Path(installed_fonts()[number]).read_bytes()
        buffer = (ctypes.c_uint8 * len(octets)).from_buffer_copy(octets)
        self._octets.append(buffer)
        # loaded as a CID font, whose codes are the numbers of its glyphs
        face = pdfium.FPDFText_LoadFont(self._document, buffer, len(octets), pdfium.FPDF_FONT_TRUETYPE, 1)
        return face or pdfium.FPDFText_LoadStandardFont(self._document, b"Courier")

    def close(self) -> None:
        """Let go of the faces; before the document is closed."""
        for face in self._faces.values():
            pdfium.FPDFFont_Close(face)
        self._faces.clear()
