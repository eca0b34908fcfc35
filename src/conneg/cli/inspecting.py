"""What documents are, for `conneg features`: a file by itself, or each part of a message."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conneg.content import Inspection

_MESSAGE_ENDINGS = {".eml", ".msg", ".mail"}


async def inspect_file(path: Path) -> list[dict[str, object]]:
    """Return the description of a document, or those of a message's parts.

    Each has `name`, `media_type`, `pages`, `features` (an expression), `notes` and `problem`, None if there is none.
    Raises `conneg.errors.ConnegError` for what cannot be read.
    """
    from conneg.content import Office, Source, Workers, examine
    from conneg.mail import decode_body, outline, read_parts

    content, office = path.read_bytes(), Office()
    with tempfile.TemporaryDirectory(prefix="conneg-") as name:
        folder = Path(name)
        async with Workers(count=1) as workers:
            if path.suffix.lower() not in _MESSAGE_ENDINGS:
                source = Source(path.resolve(), "application/octet-stream", path.name)
                return [_describe(path.name, (await examine(source, workers, office, folder)).inspection)]
            found = []
            for part in outline(read_parts(content)).leaves:
                body = folder / part.id
                body.write_bytes(decode_body(content, part))
                source = Source.of_part(body, part.media_type, part.filename, part.parameters)
                name = f"part {part.id}" + (f" ({part.filename})" if part.filename else "")
                found.append(_describe(name, (await examine(source, workers, office, folder)).inspection))
            return found


def _describe(name: str, inspection: "Inspection") -> dict[str, object]:
    from conneg.content import described

    return {
        "name": name,
        "media_type": inspection.media_type,
        "pages": len(inspection.pages),
        "features": described(inspection.features),
        "problem": inspection.problem,
        "notes": list(inspection.notes),
    }
