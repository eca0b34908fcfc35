"""Text into lines of a page with fixed columns: wrapping, tabs, form feeds, directions, control characters. Pure.

Lines break at the last space that fits, a longer word wherever the line is full. A tab goes to the next
column that is a multiple of eight; a form feed begins a page; other controls and what Unicode calls format
characters (but for the two joiners) are shown as nothing or as a question mark, so that no text can act on who reads
it. A paragraph that begins with a letter of a script from right to left lies at the right.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conneg.content.readers import bidi

COLUMNS = 80
LINES_A_PAGE = 60
TAB = 8
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""They decide how letters of Persian and of the scripts of India look, and have no width."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Run:
    """Characters in the order of reading, in the columns from `column` on (counted from 0).

    The first one is at the right where the run is read from `right_to_left`.
    """

    column: int
    text: str
    right_to_left: bool = False


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
            for portion in _portions(paragraph.rstrip()):
                lines.extend(_wrap(portion))
                if len(lines) > max_lines:
                    return None
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _portions(paragraph: str) -> Iterator[str]:
    """Yield a paragraph in portions of bounded length; one without end must not be laid out before it is refused."""
    for start in range(0, len(paragraph) or 1, _PORTION):
        yield paragraph[start : start + _PORTION]


_PORTION = 50_000


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
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrap(paragraph: str) -> list[Line]:
    """Return the lines of one paragraph; a blank one is one blank line."""
    cells = _harmless(_expand_tabs(paragraph))
    if len(cells) <= COLUMNS and cells.isascii():
        return [(Run(0, cells),) if cells else ()]
    base = bidi.base_level(cells)
    levels = bidi.levels_of(cells, base) if bidi.has_right_to_left(cells) else None
    lines: list[Line] = []
    start = 0
    while start < len(cells):
        end = start + _fitting(cells[start : start + COLUMNS * 8])
        if end < len(cells):
            space = cells.rfind(" ", start + 1, end + 1)
            end = space if space > start + COLUMNS // 4 else end
        piece = cells[start:end].rstrip()
        if levels is None:
            lines.append((Run(0, piece),) if piece else ())
        else:
            lines.append(tuple(_runs(piece, levels[start : start + len(piece)], base)))
        start = end
        while start < len(cells) and cells[start] == " ":
            start += 1
    return lines or [()]


def _runs(line: str, levels: Sequence[int], base: int) -> Iterator[Run]:
    """Yield the runs of a line in the order of reading, each of one level."""
    column = COLUMNS - sum(map(character_width, line)) if base else 0
    columns = {}
    for place in bidi.visual_order(levels):
        columns[place] = column
        column += character_width(line[place])
    start = 0
    for place in range(1, len(line) + 1):
        if place == len(line) or levels[place] != levels[start]:
            right_to_left = bool(levels[start] % 2)
            leftmost = min(columns[one] for one in range(start, place))
            yield Run(leftmost, line[start:place], right_to_left)
            start = place


def _fitting(cells: str) -> int:
    """Return how many characters fit on a line, at least one."""
    width = 0
    for number, character in enumerate(cells):
        width += character_width(character)
        if width > COLUMNS:
            return max(1, number)
    return len(cells)


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
        case "Cf" if character in JOINERS:
            return character
        case "Cf":  # directional overrides, joiners, soft hyphen, byte order marks inside
            return ""
        case "Zs":
            return " "
        case _:
            return _REPLACEMENT
