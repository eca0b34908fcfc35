#!/usr/bin/env python3
"""Make the demo's sample documents: `python tools/make_samples.py [FOLDER]`; the same octets on every run.

Needs the dependency group `samples`, and the Debian packages fonts-liberation and fonts-dejavu-core.
"""

import sys
from pathlib import Path

from samples.photo import make_photo
from samples.survey import make_survey

SAMPLES = Path(__file__).resolve().parent.parent / "src" / "conneg" / "demo" / "samples"


def main() -> int:
    """Write photo.jpg and survey.pdf into the folder; say what came out."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    folder.mkdir(parents=True, exist_ok=True)
    photo = make_photo()
    for name, octets in (("photo.jpg", photo), ("survey.pdf", make_survey(photo))):
        (folder / name).write_bytes(octets)
        print(f"{folder / name}: {len(octets):,} octets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
