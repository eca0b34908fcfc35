"""What a conversion gives: files, each with what it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class RenditionFile:
    """One file made: where it is, its type and name for the receiver, its features as an expression, pages
    and octets; `charset` where it is text.
    """

    path: Path
    media_type: str
    filename: str
    features: str
    pages: int
    octets: int
    charset: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the file as values of JSON."""
        return {
            "path": str(self.path),
            "media_type": self.media_type,
            "filename": self.filename,
            "features": self.features,
            "pages": self.pages,
            "octets": self.octets,
            "charset": self.charset,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "RenditionFile":
        """Read what `as_json` gave."""
        return cls(
            path=Path(value["path"]),
            media_type=value["media_type"],
            filename=value["filename"],
            features=value["features"],
            pages=value["pages"],
            octets=value["octets"],
            charset=value.get("charset"),
        )


@dataclass(frozen=True, slots=True)
class Rendition:
    """All files of one conversion, in page order."""

    files: tuple[RenditionFile, ...]
