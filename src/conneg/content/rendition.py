"""What a conversion gives: files, each with what it is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conneg.content.fidelity import Fidelity


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
    """All files of one conversion, in page order, and how faithful they are."""

    files: tuple[RenditionFile, ...]
    fidelity: Fidelity = field(default_factory=Fidelity)

    def as_json(self) -> dict[str, Any]:
        """Return the rendition as values of JSON."""
        return {"files": [file.as_json() for file in self.files], "fidelity": self.fidelity.as_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Rendition":
        """Read what `as_json` gave."""
        files = tuple(RenditionFile.from_json(file) for file in value["files"])
        return cls(files, Fidelity.from_json(value["fidelity"]))
