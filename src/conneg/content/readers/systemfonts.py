"""Where systems keep the fonts that we use; those that are not there are passed over."""

import functools
from pathlib import Path

_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu")
_FOR_PICTURES = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
)
_WIDE = "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"


@functools.cache
def fonts_for_pictures() -> tuple[str, ...]:
    """Return the font files for text in pictures: sans, serif, fixed width, and one for East Asia."""
    found = [f"{folder}/{name}" for name in _FOR_PICTURES for folder in _FOLDERS]
    return tuple(path for path in (*found, _WIDE) if Path(path).is_file())
