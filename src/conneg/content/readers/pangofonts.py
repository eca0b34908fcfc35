"""What the fonts that Pango finds cannot draw: WeasyPrint would show a box, and says nothing of it.

Pango's own count of the glyphs that it has not (`pango_layout_get_unknown_glyphs_count`), called by ctypes: WeasyPrint
loads the same libraries and has no function for it.
"""

import ctypes
import functools
from collections import Counter
from typing import Any

_PANGO, _PANGOFT2 = "libpango-1.0.so.0", "libpangoft2-1.0.so.0"


def without_glyph(text: str) -> int:
    """Return how many characters of `text` no font of the system has; 0 where Pango is not there to ask."""
    wanted = Counter(character for character in text if not character.isascii() and character.isprintable())
    layout = _layout() if wanted else None
    if layout is None or not _unknown(layout, "".join(wanted)):
        return 0
    return sum(times for character, times in wanted.items() if _unknown(layout, character))


@functools.cache
def _layout() -> tuple[Any, int] | None:
    """Return Pango and a layout to try text in, made once; None without Pango."""
    try:
        pango, pangoft2 = ctypes.CDLL(_PANGO), ctypes.CDLL(_PANGOFT2)
    except OSError:
        return None
    pointer = ctypes.c_void_p
    pangoft2.pango_ft2_font_map_new.restype = pointer
    for function in (pango.pango_font_map_create_context, pango.pango_layout_new):
        function.argtypes, function.restype = (pointer,), pointer
    pango.pango_layout_set_text.argtypes = (pointer, ctypes.c_char_p, ctypes.c_int)
    pango.pango_layout_get_unknown_glyphs_count.argtypes = (pointer,)
    fonts = pangoft2.pango_ft2_font_map_new()
    return pango, pango.pango_layout_new(pango.pango_font_map_create_context(fonts))


def _unknown(layout: tuple[Any, int], text: str) -> int:
    pango, made = layout
    octets = text.encode("utf-8", "replace")
    pango.pango_layout_set_text(made, octets, len(octets))
    return int(pango.pango_layout_get_unknown_glyphs_count(made))
