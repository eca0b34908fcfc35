"""What a document was said to be against what it is."""

from pathlib import Path

import pytest

from conneg.content.declared import mismatches
from conneg.content.inspection import Inspection, inspect
from conneg.content.source import ReadLimits, Source
from tests.content import samples


def found(recognised: str, declared: str, name: str | None = None) -> list[str]:
    return list(mismatches(recognised, Source(Path("x"), declared, name)))


@pytest.mark.parametrize(
    ("recognised", "declared", "name"),
    [
        ("image/jpeg", "image/jpeg", "a.JPG"),
        ("image/jpeg", "image/pjpeg", "a.jpeg"),
        ("image/jpeg", "application/octet-stream", None),
        ("image/jpeg", "", "photo"),
        ("image/tiff", "image/tiff-fx", "fax.tif"),
        ("image/svg+xml", "application/xml", "a.svg"),
        ("text/plain", "text/calendar", "invite.ics"),
        ("text/plain", "application/json", "a.json"),
        ("text/plain", "text/csv", "a.b.csv"),
        ("application/octet-stream", "application/zip", "a.zip"),
        ("application/pdf", "application/x-pdf", "report.2024.pdf"),
    ],
)
def test_what_fits_is_not_mentioned(recognised: str, declared: str, name: str | None) -> None:
    assert found(recognised, declared, name) == []


@pytest.mark.parametrize(
    ("recognised", "declared", "name", "lines"),
    [
        ("image/jpeg", "image/png", None, ["declared as image/png, but its content is image/jpeg"]),
        ("image/jpeg", "image/jpeg", "a.png", ["named a.png, but its content is image/jpeg"]),
        ("application/pdf", "text/plain", "a.txt", ["declared as text/plain", "named a.txt"]),
        (
            "text/plain",
            "application/pdf",
            None,
            ["declared as application/pdf, but its content is text/plain"],
        ),
        ("text/html", "text/plain", None, ["declared as text/plain, but its content is text/html"]),
        (
            "application/octet-stream",
            "image/png",
            None,
            ["declared as image/png, but its content is nothing that"],
        ),
        ("image/png", "image/png", "a\r\nb\x07.gif", ["named a??b?.gif"]),
    ],
)
def test_what_does_not_fit_is_one_line_each(
    recognised: str, declared: str, name: str | None, lines: list[str]
) -> None:
    told = found(recognised, declared, name)
    assert len(told) == len(lines)
    assert all(one.startswith(line) for one, line in zip(told, lines, strict=True))
    assert not any("\n" in one for one in told)


def test_the_notes_travel_with_the_inspection_also_of_what_cannot_be_read(tmp_path: Path) -> None:
    path = samples.save(tmp_path / "a.png", b"%PDF-1.4 damaged")
    inspection = inspect(Source(path, "image/png", "a.png"), ReadLimits())
    assert inspection.problem is not None
    assert len(inspection.notes) == 2
    assert Inspection.from_json(inspection.to_json()) == inspection
