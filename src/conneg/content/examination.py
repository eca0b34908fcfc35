"""Looking at a document, made readable first where that takes another program.

What comes out is the document that conversions are made of, and what was found: of an office document the PDF that
LibreOffice lays out, with the type of the document as it came.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import Inspection
from conneg.content.office import Office
from conneg.content.source import NO_TIFF, Source
from conneg.content.workers import Workers
from conneg.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class Examined:
    """`source` is what to convert, `inspection` what the document is."""

    source: Source
    inspection: Inspection


async def examine(source: Source, workers: Workers, office: Office | None, folder: Path) -> Examined:
    """Look at `source`; what has to be made readable lies below `folder` afterwards, as long as it is needed.

    `office` is None where office documents are left as they are. Raises ContentRefusedError as `Workers.inspect` does.
    """
    found = await workers.inspect(source)
    if not found.needs_office or office is None:
        return Examined(source, found)
    try:
        pdf = await office.as_pdf(source, found.media_type, folder)
        readable = replace(source, path=pdf, declared_type="application/pdf", is_laid_out=True)
        laid_out = await workers.inspect(replace(readable, name=None))
    except (ContentRefusedError, UnavailableError) as error:
        return Examined(source, replace(found, problem=str(error), needs_office=False))
    return Examined(
        readable,
        replace(
            laid_out,
            media_type=found.media_type,
            declared_type=found.declared_type,
            features=f'(& (type="{found.media_type}") {NO_TIFF})',
            notes=(*found.notes, "laid out by LibreOffice", *laid_out.notes),
            needs_office=False,
        ),
    )
