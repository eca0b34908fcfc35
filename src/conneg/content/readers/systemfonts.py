"""Where systems keep the fonts that we use; those that are not there are passed over."""

import functools
from pathlib import Path

SYSTEM_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansMono-Regular.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothicCoding.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
    "/usr/share/fonts/dejavu/DejaVuSansMono.ttf",
)
"""For text: where Debian and others put fixed-width fonts and those for East Asia."""

SYSTEM_FONTS_BY_SCRIPT = ("/usr/share/fonts/truetype/noto", "NotoSans*-Regular.ttf")
"""A folder and a pattern for fonts each of which has one script (Debian: fonts-noto-core)."""

_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/TTF", "/usr/share/fonts/dejavu")
_FOR_PICTURES = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
)
_WIDE = (
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
)


@functools.cache
def fonts_for_pictures() -> tuple[str, ...]:
    """Return the font files for text in pictures: sans, serif, fixed width, and those for East Asia."""
    found = [f"{folder}/{name}" for name in _FOR_PICTURES for folder in _FOLDERS]
    return tuple(path for path in (*found, *_WIDE) if Path(path).is_file())
