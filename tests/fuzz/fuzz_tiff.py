"""Fuzz target: the TIFF structure reader, the layout rules and the profile rules, on any octets."""

import tempfile
from pathlib import Path

from conneg.content.conformance import verify_file
from conneg.content.tiff import read_structure
from conneg.content.tiff.layout import layout_of, overlaps
from conneg.content.tiff.rules import check_fields
from conneg.errors import ConnegError
from conneg.features import FeatureSet

_EVERYTHING = FeatureSet.everything()


def fuzz_one(data: bytes) -> None:
    """Read `data` as a TIFF file and check all rules; only errors of ours may come out, and in bounded time."""
    with tempfile.NamedTemporaryFile(suffix=".tif") as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            structure = read_structure(path)
        except ConnegError:
            structure = None
        if structure is not None:
            layout_of(structure)
            overlaps(structure)
            for number, page in enumerate(structure.directories, start=1):
                check_fields(page, number, len(structure.directories), structure.octets)
        for problem in verify_file(path, "image/tiff", _EVERYTHING):
            assert problem, "a problem has words"
