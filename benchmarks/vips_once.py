"""`python -m benchmarks.vips_once SOURCE FOLDER TIMES`: pyvips makes G4 pages 1728 pixels wide of a picture."""

import sys
from pathlib import Path

import pyvips

WIDTH = 1728


def save(source: Path, folder: Path) -> None:
    """Shrink while loading, turn upright, to grey and to one bit; saved by libvips itself."""
    small = pyvips.Image.thumbnail(str(source), WIDTH, height=10_000_000)
    small.colourspace("b-w").tiffsave(str(folder / "page.tif"), compression="ccittfax4", bitdepth=1)


if __name__ == "__main__":
    pyvips.cache_set_max(0)  # every turn does the work anew
    for _ in range(int(sys.argv[3])):
        save(Path(sys.argv[1]), Path(sys.argv[2]))
