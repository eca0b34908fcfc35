"""A document as it arrives: a file, what its sender says it is, and what its first octets say it is.

Nothing here decodes a document; `recognise` looks at a bounded beginning of the file only.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError

HEAD_OCTETS = 4096
"""How much of a file `recognise` looks at."""

UNKNOWN_TYPE = "application/octet-stream"

NO_TIFF = "(image-file-structure=none)"
"""The term that images and PDF carry: a receiver of TIFF that states no type must not take them by silence."""

MAX_SOURCE_OCTETS = Bound(
    name="content.source-octets",
    value=256 << 20,
    unit="octets",
    reason="a document larger than any mail system carries is an attack on the disk or the memory",
    answer="ContentRefusedError",
)


def described(features: str) -> str:
    """Return an expression as header fields and people get it: without `NO_TIFF`, a token that only we use."""
    return re.sub(r" ?\(image-file-structure=none\)", "", features)


@dataclass(frozen=True, slots=True)
class Source:
    """One document: decoded octets in the file `path`, the sender's `declared_type`, file `name` and
    `charset`.

    `flowed` and `delsp` are the parameters of a text with `format=flowed` (RFC 3676, 4). `inline` are the parts that
    an HTML body may show by their Content-ID (RFC 2392): each id without its brackets, and the file. `is_laid_out`: a
    PDF that was made of another document for this message, and may be sent in its place.
    """

    path: Path
    declared_type: str
    name: str | None = None
    charset: str | None = None
    flowed: bool = False
    delsp: bool = False
    inline: tuple[tuple[str, Path], ...] = ()
    is_laid_out: bool = False

    @classmethod
    def of_part(
        cls,
        path: Path,
        declared_type: str,
        name: str | None,
        parameters: Mapping[str, str],
        inline: tuple[tuple[str, Path], ...] = (),
    ) -> "Source":
        """Return the source of a body part with these `parameters` of Content-Type, their names in lower case."""
        flowed = declared_type == "text/plain" and parameters.get("format", "").lower() == "flowed"
        return cls(
            path=path,
            declared_type=declared_type,
            name=name,
            charset=parameters.get("charset", "").lower() or None,
            flowed=flowed,
            delsp=flowed and parameters.get("delsp", "").lower() == "yes",
            inline=inline,
        )

    @property
    def label(self) -> str:
        """How a message to people calls this document."""
        return self.name or self.declared_type

    def as_json(self) -> dict[str, Any]:
        """Return the source as values of JSON."""
        return {
            "path": str(self.path),
            "declared_type": self.declared_type,
            "name": self.name,
            "charset": self.charset,
            "flowed": self.flowed,
            "delsp": self.delsp,
            "inline": [[content_id, str(path)] for content_id, path in self.inline],
            "is_laid_out": self.is_laid_out,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Source":
        """Read what `as_json` gave."""
        return cls(
            path=Path(value["path"]),
            declared_type=value["declared_type"],
            name=value["name"],
            charset=value["charset"],
            flowed=value["flowed"],
            delsp=value["delsp"],
            inline=tuple((content_id, Path(path)) for content_id, path in value["inline"]),
            is_laid_out=value["is_laid_out"],
        )


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What one document may be: at most `pages` pages, and `pixels` pixels in each of its images."""

    pages: int = 500
    pixels: int = 64_000_000


def read_head(source: Source) -> bytes:
    """Return the first `HEAD_OCTETS` octets; raises ContentRefusedError for a file that is empty too large or
    gone.
    """
    try:
        octets = source.path.stat().st_size
        with source.path.open("rb") as file:
            head = file.read(HEAD_OCTETS)
    except OSError as error:
        raise ContentRefusedError(f"{source.label}: cannot be read ({error.strerror})") from error
    if octets > MAX_SOURCE_OCTETS.value:
        raise ContentRefusedError(
            f"{source.label}: {octets} octets, more than {MAX_SOURCE_OCTETS.value} (bound {MAX_SOURCE_OCTETS.name})"
        )
    return head


def recognise(head: bytes, declared_type: str = "") -> str:
    """Return the media type that the octets show; `declared_type` only tells one kind of text from another.

    `application/octet-stream` is the answer for everything that no reader knows.
    """
    declared_type = declared_type.lower()
    for offset, magic, media_type in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _kind_of_heif(head)
    if _is_bmp(head):
        return "image/bmp"
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if _is_text(head) or (declared_type.startswith("text/") and b"\x00" not in head):
        return _kind_of_text(head, declared_type)
    return UNKNOWN_TYPE


_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),  # the bare codestream: SOC, SIZ (T.800, A.4)
)
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"avif": "image/avif",
    b"avis": "image/avif",
}
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\b\x1b")
_TEXT_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _is_text(head: bytes) -> bool:
    """Whether these octets can be text: no NUL (UTF-16 with a byte order mark excepted), hardly any control."""
    if head.startswith(_TEXT_MARKS):
        return True
    if b"\x00" in head:
        return False
    controls = sum(octet < 0x20 and octet not in _TEXT_CONTROLS for octet in head)
    return controls * 50 <= len(head)


def _is_bmp(head: bytes) -> bool:
    """Whether this is a bitmap file: its letters are two only, so the length of its second header is looked at too."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_SVG_ROOT = re.compile(
    rb"(?:<\?.*?\?>|<!--.*?-->|<!doctype\s[^\[>]*(?:\[.*?\]\s*)?>|\s)*<(?:[a-z][\w.-]*:)?svg[\s>/]", re.DOTALL
)
"""What may come before the root element of an SVG, and its beginning; in lower case."""


def _kind_of_heif(head: bytes) -> str:
    """Return the type of an ISO base media file by its major brand, or for a general one by those it says it fits."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[place : place + 4] for place in range(16, min(length, len(head)), 4))]
    if brands[0] not in {b"mif1", b"msf1"}:
        brands = brands[:1]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), UNKNOWN_TYPE)


def _kind_of_text(head: bytes, declared_type: str) -> str:
    beginning = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if declared_type == "text/html" or beginning.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    if beginning.startswith(b"<") and _SVG_ROOT.match(beginning):
        return "image/svg+xml"
    return "text/plain"
