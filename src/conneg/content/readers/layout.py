"""Text into lines of a page with fixed columns: wrapping, tabs, form feeds, control characters. Pure.

Lines break at the last space that fits, a longer word wherever the line is full. A tab goes to the next
column that is a multiple of eight; a form feed begins a page; other controls and what Unicode calls format
characters are shown as nothing or as a question mark, so that no text can act on who reads it.
"""

import unicodedata
from dataclasses import dataclass

COLUMNS = 80
LINES_A_PAGE = 60
TAB = 8
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that follow each other, from `column` on (counted from 0)."""

    column: int
    text: str


Line = tuple[Run, ...]


def lay_out(text: str, max_lines: int) -> list[Line] | None:
    """Return the lines of `text`, with empty ones up to each page's end at a form feed; None above
    `max_lines`.

    White space at the end is dropped: the last page is never blank, and blank text has no lines.
    """
    lines: list[Line] = []
    for number, sheet in enumerate(_normalise(text).split("\f")):
        if number:
            lines.extend([()] * (-len(lines) % LINES_A_PAGE))
        for paragraph in sheet.rstrip().split("\n") if sheet.strip() else ():
            lines.extend(_wrap(paragraph.rstrip()))
            if len(lines) > max_lines:
                return None
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _normalise(text: str) -> str:
    return (
        unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    )


def character_width(character: str) -> int:
    """Return how many columns a character takes: 0 for marks on the one before, 2 for the wide ones of East
    Asia.
    """
    if character < "\u0300":
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrap(paragraph: str) -> list[Line]:
    """Return the lines of one paragraph; a blank one is one blank line."""
    cells = _harmless(_expand_tabs(paragraph))
    if len(cells) <= COLUMNS and cells.isascii():
        return [(Run(0, cells),) if cells else ()]
    lines: list[Line] = []
    while cells:
        end = _fitting(cells)
        if end < len(cells):
            space = cells.rfind(" ", 1, end + 1)
            end = space if space > COLUMNS // 4 else end
        piece, cells = cells[:end].rstrip(), cells[end:].lstrip(" ")
        lines.append((Run(0, piece),) if piece else ())
    return lines or [()]


def _fitting(cells: str) -> int:
    """Return how many characters fit on a line, at least one."""
    width = 0
    for number, character in enumerate(cells[: COLUMNS * 8]):
        width += character_width(character)
        if width > COLUMNS:
            return max(1, number)
    return min(len(cells), COLUMNS * 8)


def _expand_tabs(paragraph: str) -> str:
    return paragraph.expandtabs(TAB) if "\t" in paragraph else paragraph


def _harmless(text: str) -> str:
    """Return `text` without format characters, and with a mark in place of each control."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    match unicodedata.category(character):
        case "Cf":  # directional overrides, joiners, soft hyphen, byte order marks inside
            return ""
        case "Zs":
            return " "
        case _:
            return _REPLACEMENT
