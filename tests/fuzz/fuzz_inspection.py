"""Fuzz target: any octets are inspected without an exception, and what comes out survives JSON."""

import tempfile
from pathlib import Path

from conneg.content.inspection import Inspection, inspect
from conneg.content.source import ReadLimits, Source

_LIMITS = ReadLimits(pages=5, pixels=1_000_000)


def fuzz_one(data: bytes) -> None:
    """Inspect `data` as a document; raises only on a bug."""
    with tempfile.NamedTemporaryFile(prefix="conneg-fuzz-") as file:
        file.write(data)
        file.flush()
        inspection = inspect(Source(Path(file.name), "application/octet-stream", name="fuzz"), _LIMITS)
    assert Inspection.from_json(inspection.to_json()) == inspection
    assert (inspection.problem is None) or not inspection.pages
    assert "\n" not in (inspection.problem or "")
